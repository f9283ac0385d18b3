using System.Reflection;

namespace Ioasis.Diagnostics;

/// <summary>The version of Ioasis, the same of all its assemblies.</summary>
internal static class OwnVersion
{
    /// <summary>With the whole commit after a plus sign.</summary>
    internal static string Full { get; } = typeof(OwnVersion).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
}

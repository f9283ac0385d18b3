using Microsoft.Win32.SafeHandles;

namespace Ioasis.Devices.Blocks;

/// <summary>Frees bytes of files, for which .NET has no call. A room that knows the host's calls sets it.</summary>
internal static class FileHoles
{
    /// <summary>
    /// Frees bytes from an offset on: they read as 0 afterwards. False if that is not possible: then they may have kept
    /// what they were.
    /// </summary>
    internal static Func<SafeFileHandle, long, long, bool> Punch { get; set; } = static (_, _, _) => false;
}

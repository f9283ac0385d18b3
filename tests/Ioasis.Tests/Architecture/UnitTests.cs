using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Units.Vtd;

namespace Ioasis.Tests.Architecture;

/// <summary>A kind of unit is known to its own folder alone, and is written against what a plug-in can use.</summary>
public sealed partial class UnitTests
{
    private static readonly string[] s_ofMemory = [nameof(RankedLock), nameof(LockRank), nameof(HostMemory)];

    [Fact]
    public void VtdIsKnownToItsOwnFolderAlone()
    {
        // The uAPI has its structures, and one list names the kinds that are built in.
        string[] mayKnow = ["src/Ioasis.Units/Vtd/", "src/Ioasis.Abi/", "src/Ioasis.Units/BuiltInDrivers.cs"];
        string[] all = [.. Repository.Sources().Select(Repository.Relative).Where(file => !file.Contains("/obj/"))];
        Assert.Contains("src/Ioasis.Units/Vtd/VtdUnit.cs", all);
        foreach (string file in all.Where(file => !mayKnow.Any(file.StartsWith)))
        {
            Match found = Vtd().Match(File.ReadAllText(Path.Combine(Repository.Root, file)));
            Assert.False(found.Success, $"{file} knows \"{found.Value}\"");
        }
    }

    [Fact]
    public void AUnitSeesNoInternalsOfTheProduct()
    {
        string[] plugins = ["Ioasis.Units", "Ioasis.MockIommu", "Ioasis.TinyIommu"];
        foreach (string room in Repository.Libraries)
        {
            IEnumerable<string> seers = Assembly.Load(room).GetCustomAttributes<InternalsVisibleToAttribute>()
                .Select(attribute => attribute.AssemblyName);
            string[] exceptions = room == "Ioasis.Memory" ? ["Ioasis.Units"] : [];
            Assert.Equal(exceptions, seers.Intersect(plugins));
        }
    }

    /// <summary>
    /// A unit of ours has ranked locks, as all of ours, and no unsafe code to read a word. A plug-in has its own.
    /// </summary>
    [Fact]
    public void OfMemorysInternalsAUnitOfOursUsesLocksAndAWordOnly()
    {
        using FileStream file = File.OpenRead(typeof(VtdUnit).Assembly.Location);
        using var assembly = new PEReader(file);
        MetadataReader metadata = assembly.GetMetadataReader();
        IEnumerable<string> names = metadata.TypeReferences.Select(metadata.GetTypeReference)
            .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}");
        Assert.All(names.Select(typeof(RankedLock).Assembly.GetType).Where(type => type is { IsPublic: false }),
            type => Assert.Contains(type!.Name, s_ofMemory));
    }

    [GeneratedRegex("Vtd|VTD|intel-iommu|IntelVt")]
    private static partial Regex Vtd();
}

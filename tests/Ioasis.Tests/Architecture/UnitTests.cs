using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Ioasis.Tests.Architecture;

/// <summary>A kind of unit is known to its own folder alone, and is written against what a plug-in can use.</summary>
public sealed partial class UnitTests
{
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
        foreach (string room in Repository.Rooms)
        {
            if (room == "Ioasis.Cli") continue; // no unit refers to it
            IEnumerable<string> seers = Assembly.Load(room).GetCustomAttributes<InternalsVisibleToAttribute>()
                .Select(attribute => attribute.AssemblyName);
            Assert.Empty(seers.Intersect(plugins));
        }
    }

    [GeneratedRegex("Vtd|VTD|intel-iommu|IntelVt")]
    private static partial Regex Vtd();
}

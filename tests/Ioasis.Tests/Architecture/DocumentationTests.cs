using System.Reflection;
using System.Xml.Linq;

namespace Ioasis.Tests.Architecture;

/// <summary>
/// Every public member is documented: the compiler insists (CS1591 is an error), and nobody switched that off.
/// </summary>
public sealed class DocumentationTests
{
    public static TheoryData<string> Rooms => [.. Repository.Libraries];

    [Theory]
    [MemberData(nameof(Rooms))]
    public void EveryPublicTypeIsInTheDocumentation(string room)
    {
        var assembly = Assembly.Load(room);
        var documentation = XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml"));
        HashSet<string> documented = [.. documentation.Descendants("member").Select(m => (string)m.Attribute("name")!)];
        // The types that the compiler makes for extension members have no name in C#.
        Assert.All(assembly.GetExportedTypes().Where(t => !t.FullName!.Contains('<', StringComparison.Ordinal)),
            t => Assert.Contains("T:" + t.FullName!.Replace('+', '.'), documented));
    }

    [Fact]
    public void NobodySwitchesTheRuleOff()
    {
        foreach (string file in Repository.Sources())
            Assert.False(File.ReadAllText(file).Contains("CS1591", StringComparison.Ordinal),
                $"{Repository.Relative(file)} mentions CS1591");
        Assert.All(Repository.Rooms,
            r => Assert.DoesNotContain("1591", Repository.Project(r).ToString(), StringComparison.Ordinal));
    }
}

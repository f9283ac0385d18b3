using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Ioasis.Tests.Architecture;

/// <summary>
/// Who may know whom: the table in docs/architecture.md, held against the projects and against what the compiler wrote.
/// </summary>
public sealed partial class ArrowTests
{
    private static readonly Dictionary<string, string[]> s_allowed = ReadTable();

    public static TheoryData<string> Rooms => [.. Repository.Rooms];

    [Fact]
    public void TheTableHasEveryRoom() => Assert.Equal(Repository.Rooms, s_allowed.Keys.Order());

    [Theory]
    [MemberData(nameof(Rooms))]
    public void AProjectRefersOnlyToTheRoomsOfItsRow(string room)
    {
        IEnumerable<string> references = Repository.Project(room).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));
        Assert.All(references, r => Assert.Contains(r, s_allowed[room]));
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void TheCompiledRoomRefersOnlyToWhatItsRowLeadsTo(string room)
    {
        if (!Repository.Libraries.Contains(room)) return; // a composition root: it may refer to all
        HashSet<string> reachable = [];
        void Follow(string from)
        {
            foreach (string to in s_allowed[from])
                if (reachable.Add(to)) Follow(to);
        }

        Follow(room);
        IEnumerable<string> compiled = Assembly.Load(room).GetReferencedAssemblies()
            .Select(a => a.Name!).Where(n => n.StartsWith("Ioasis.", StringComparison.Ordinal));
        Assert.All(compiled, r => Assert.Contains(r, reachable));
    }

    [Theory]
    [InlineData("Ioasis.Core")]
    [InlineData("Ioasis.Units")]
    [InlineData("Ioasis.Iommufd")]
    [InlineData("Ioasis.Devices")]
    [InlineData("Ioasis.Passthrough")]
    [InlineData("Ioasis.Machine")]
    public void WhatRunsInProcessDoesNotKnowLinux(string room) =>
        Assert.DoesNotContain(Assembly.Load(room).GetReferencedAssemblies(), a => a.Name == "Ioasis.Linux");

    [Fact]
    public void AModelReachesMemoryOnlyThroughItsPort()
    {
        string[] free = ["Ioasis.Core.Dma", "Ioasis.Core.Faults", "Ioasis.Core.PageRequests"];
        foreach (string file in Repository.Sources("Ioasis.Devices")
            .Where(f => !f.Contains("/Slots/", StringComparison.Ordinal)))
        {
            foreach (Match use in CoreUse().Matches(File.ReadAllText(file)))
                Assert.True(free.Contains(use.Value), $"{Repository.Relative(file)} uses {use.Value}");
        }
    }

    /// <summary>One exception: an mdev is a VFIO device.</summary>
    [Fact]
    public void ThreadsAreStartedInOnePlace()
    {
        foreach (string file in Repository.Sources().Where(f => Path.GetFileName(f) != "HostThread.cs"))
            Assert.False(File.ReadAllText(file).Contains("new Thread(", StringComparison.Ordinal),
                $"{Repository.Relative(file)} starts a thread itself: HostThread does");
    }

    [Fact]
    public void SiblingsInPassthroughDoNotKnowEachOther()
    {
        foreach (string file in Repository.Sources("Ioasis.Passthrough"))
        {
            string own = Repository.Relative(file).Split('/')[2];
            foreach (Match use in SiblingUse().Matches(File.ReadAllText(file)))
            {
                bool isAllowed = use.Groups[1].Value == own
                    || (own == "Mdev" && use.Value == "Ioasis.Passthrough.Vfio");
                Assert.True(isAllowed, $"{Repository.Relative(file)} uses {use.Value}");
            }
        }
    }

    [Fact]
    public void WhatAnyVfioDeviceIsDoesNotKnowPci()
    {
        foreach (string file in Repository.Sources("Ioasis.Passthrough"))
        {
            string path = Repository.Relative(file);
            if (path.Contains("/Vfio/Pci/", StringComparison.Ordinal)) continue;
            Assert.False(File.ReadAllText(file).Contains("Vfio.Pci", StringComparison.Ordinal),
                $"{path} uses Vfio.Pci");
        }
    }

    [Fact]
    public void OnlyTheListedRoomsSeeInternals()
    {
        string map = File.ReadAllText(Path.Combine(Repository.Root, "docs/architecture.md"));
        string section = map.Split("### Internals\n")[1].Split("\n#")[0];
        HashSet<string> listed = [];
        foreach (Match row in PairRow().Matches(section).Skip(1))
            foreach (string by in row.Groups[2].Value.Split(',', StringSplitOptions.TrimEntries))
                Assert.True(listed.Add($"{row.Groups[1].Value} seen by {by}"), $"{row.Value} is listed twice");
        HashSet<string> tests = ["Tests", "Conformance", "EndToEnd", "Bench"];
        IEnumerable<string> seen = Repository.Libraries
            .SelectMany(room => Assembly.Load(room).GetCustomAttributes<InternalsVisibleToAttribute>()
                .Select(a => a.AssemblyName.Replace("Ioasis.", "", StringComparison.Ordinal))
                .Where(by => !tests.Contains(by))
                .Select(by => $"{room["Ioasis.".Length..]} seen by {by}"));
        Assert.NotEmpty(listed);
        Assert.Equal(listed.Order(), seen.Order());
    }

    private static Dictionary<string, string[]> ReadTable()
    {
        Dictionary<string, string[]> table = [];
        foreach (Match row in TableRow()
            .Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/architecture.md"))))
            table[row.Groups[1].Value] = [.. row.Groups[2].Value.Split(',', StringSplitOptions.RemoveEmptyEntries
                | StringSplitOptions.TrimEntries).Select(r => "Ioasis." + r)];
        return table;
    }

    [GeneratedRegex(@"^\| `(Ioasis\.\w+)` \|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"^\| (\w+) \| ([\w, -]+) \|", RegexOptions.Multiline)]
    private static partial Regex PairRow();

    [GeneratedRegex(@"Ioasis\.Core\.\w+")]
    private static partial Regex CoreUse();

    [GeneratedRegex(@"Ioasis\.Passthrough\.(\w+)")]
    private static partial Regex SiblingUse();
}

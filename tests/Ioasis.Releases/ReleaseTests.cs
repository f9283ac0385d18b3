using System.Security.Cryptography;
using System.Text.Json;

namespace Ioasis.Releases;

/// <summary>What <c>eng/release.sh</c> makes.</summary>
[Collection(nameof(ReleaseBench))]
public sealed class ReleaseTests(ReleaseBench release)
{
    [Fact]
    public async Task Two_builds_in_different_folders_have_equal_checksums()
    {
        string other = await release.ReleaseElsewhere();
        Assert.Equal(Sums(release.Folder), Sums(other));
    }

    [Fact]
    public void Checksums_are_those_of_all_files()
    {
        string[] actual = [.. Directory.GetFiles(release.Folder)
            .Where(file => Path.GetFileName(file) != "SHA256SUMS")
            .Order(StringComparer.Ordinal)
            .Select(file => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}  "
                + Path.GetFileName(file))];
        Assert.Equal(actual, Sums(release.Folder));
        foreach (string pattern in (string[])["ioasis", "ioasis-web", "LICENSES.txt", "ioasis_*_amd64.deb",
            "ioasis-*-oci.tar", "ioasis-*.cdx.json",
            "Ioasis.Tool.linux-x64.*.nupkg", "Ioasis.Client.*.nupkg", "Ioasis.Testing.*.snupkg",
            "Ioasis.Templates.*.nupkg", "ioasis.h", "machine.schema.json", "setup.sh"])
            Assert.True(File.Exists(release.FileOf(pattern)));
    }

    [Theory]
    [InlineData("ulimit -Sn 256; exec \"$0\" run -- sh -c 'ulimit -Sn'", "256")]
    [InlineData("ulimit -Sf 9; exec \"$0\" run -- sh -c 'ulimit -Sf'", "9")]
    [InlineData("exec env --default-signal --ignore-signal=PIPE \"$0\" run -- grep SigIgn /proc/self/status",
        "SigIgn:\t0000000000001000")]
    [InlineData("exec env --default-signal \"$0\" run -- grep SigIgn /proc/self/status", "SigIgn:\t0000000000000000")]
    [InlineData("exec \"$0\" run -- sh -c 'env | grep -c IOASIS_STARTED || :'", "0")]
    [InlineData("exec \"$0\" run -- sh -c 'cat /proc/$PPID/comm'", "ioasis")]
    public async Task A_program_starts_with_what_the_caller_gave(string script, string expected) =>
        Assert.Equal(expected, (await Execution.Run(["sh", "-c", script, release.Program])).MustEnd().Output.Trim());

    [Fact]
    public async Task Too_low_a_limit_of_file_sizes_is_told()
    {
        Ending ending = await Execution.Run(["sh", "-c", "ulimit -f 2048; exec \"$0\" demo", release.Program]);
        ending.MustEnd(125);
        Assert.Contains("the hard limit of file sizes is 1048576 bytes", ending.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plugin_is_loaded_by_the_one_file()
    {
        string plugin = Path.Combine(release.Root, "artifacts/bin/DoublerDevice/release/DoublerDevice.dll");
        (await Execution.Run([release.Program, "devices", "--plugin", plugin, "--device", "doubler@0000:00:09.0"]))
            .MustEnd().MustSay("0000:00:09.0  doubler  1234:0002");
    }

    [Fact]
    public async Task Tool_is_installed_and_runs_a_program()
    {
        string scratch = release.Scratch();
        string source = $"""
            <configuration>
              <packageSources><clear /><add key="release" value="{release.Folder}" /></packageSources>
            </configuration>
            """;
        string config = Path.Combine(scratch, "NuGet.config");
        await File.WriteAllTextAsync(config, source, TestContext.Current.CancellationToken);
        string tool = Path.Combine(scratch, "ioasis");
        Dictionary<string, string> environment = new() { ["NUGET_PACKAGES"] = Path.Combine(scratch, "packages") };
        (await Execution.Run(["dotnet", "tool", "install", "Ioasis.Tool", "--prerelease", "--configfile", config,
            "--tool-path", scratch], environment)).MustEnd();
        (await Execution.Run([tool, "run", "--", "ls", "/dev/iommu"])).MustEnd().MustSay("/dev/iommu");
        const string WaitForPage = """
            "$0" run --web -- sh -c 'until grep -q "http://127.0.0.1:" "$0"; do :; done' "$1" 2>"$1"
            cat "$1"
            """;
        (await Execution.Run(["sh", "-c", WaitForPage, tool, Path.Combine(scratch, "said")]))
            .MustEnd().MustSay("ioasis: http://127.0.0.1:");
    }

    [Fact]
    public void Bill_of_materials_names_the_runtime_and_the_packages()
    {
        using JsonDocument bom = JsonDocument.Parse(File.ReadAllBytes(release.FileOf("ioasis-*.cdx.json")));
        Assert.Equal("CycloneDX", bom.RootElement.GetProperty("bomFormat").GetString());
        string[] parts = [.. bom.RootElement.GetProperty("components").EnumerateArray()
            .Select(part => part.GetProperty("purl").GetString()!)];
        foreach (string part in (string[])["pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@",
            "pkg:nuget/System.CommandLine@", "pkg:deb/debian/libc6@", "pkg:npm/preact@", "pkg:npm/htm@",
            "pkg:nuget/Microsoft.AspNetCore.App.Runtime.linux-x64@"])
            Assert.Single(parts, one => one.StartsWith(part, StringComparison.Ordinal));
        Assert.DoesNotContain(parts, one => one.StartsWith("pkg:nuget/xunit", StringComparison.Ordinal));
    }

    [Fact]
    public void Each_part_of_the_programs_has_its_licence()
    {
        string licences = File.ReadAllText(release.FileOf("LICENSES.txt"));
        using JsonDocument bom = JsonDocument.Parse(File.ReadAllBytes(release.FileOf("ioasis-*.cdx.json")));
        string[] parts = [.. bom.RootElement.GetProperty("components").EnumerateArray()
            .Where(part => !part.GetProperty("purl").GetString()!.StartsWith("pkg:deb/", StringComparison.Ordinal))
            .Select(part => $"{part.GetProperty("name").GetString()} {part.GetProperty("version").GetString()}")];
        Assert.Contains(parts, part => part.StartsWith("OpenTelemetry ", StringComparison.Ordinal));
        Assert.All(parts, part => Assert.Contains($"\n{part}", licences, StringComparison.Ordinal));
        Assert.StartsWith("MIT License", licences, StringComparison.Ordinal);
        Assert.Contains("TERMS AND CONDITIONS FOR USE, REPRODUCTION", licences, StringComparison.Ordinal);
        Assert.Contains("License notice for zlib", licences, StringComparison.Ordinal); // the runtime's own parts
    }

    private static string[] Sums(string folder) => File.ReadAllLines(Path.Combine(folder, "SHA256SUMS"));
}

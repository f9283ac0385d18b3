using System.IO.Compression;
using System.Security.Cryptography;
using System.Xml.Linq;

namespace Ioasis.EndToEnd.Release;

/// <summary>Programs outside of the tree that use the packages.</summary>
public sealed class PackageTests(Packages packages, Workbench bench) : IClassFixture<Packages>
{
    private static readonly string[] s_names =
        ["Analyzers", "Client", "Devices", "Plugins", "Templates", "Testing"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Packages_say_what_they_are_and_depend_on_one_version()
    {
        Assert.Equal(s_names.Select(name => $"Ioasis.{name}.{packages.Version}.nupkg"),
            Directory.EnumerateFiles(packages.Feed, "*.nupkg").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string name in s_names)
        {
            using ZipArchive package = ZipFile.OpenRead(
                Path.Combine(packages.Feed, $"Ioasis.{name}.{packages.Version}.nupkg"));
            Assert.NotNull(package.GetEntry("README.md"));
            XElement data = XDocument.Load(package.GetEntry($"Ioasis.{name}.nuspec")!.Open()).Root!.Elements().First();
            XNamespace space = data.Name.Namespace;
            Assert.Equal("MIT", (string?)data.Element(space + "license"));
            Assert.NotEqual("", (string?)data.Element(space + "description"));
            IEnumerable<XElement> own = data.Descendants(space + "dependency")
                .Where(d => ((string)d.Attribute("id")!).StartsWith("Ioasis.", StringComparison.Ordinal));
            Assert.All(own, d => Assert.Equal($"[{packages.Version}]", (string?)d.Attribute("version")));
            bool hasSymbols = File.Exists(Path.Combine(packages.Feed, $"Ioasis.{name}.{packages.Version}.snupkg"));
            Assert.Equal(name is not ("Analyzers" or "Templates"), hasSymbols);
        }
    }

    /// <summary>If this fails: eng/declare-api.sh, and look at what it changed.</summary>
    [Fact]
    public void The_public_API_is_the_declared_one() => packages.ApiCheck.MustEnd();

    /// <summary>The packages that were made stand for those of an earlier version.</summary>
    [Fact]
    public async Task A_package_from_which_a_member_is_gone_is_refused()
    {
        string folder = Directory.CreateDirectory(Path.Combine(packages.Feed, "..", "less")).FullName;
        (await Execution.Run(["cp", "-r", Path.Combine(bench.Root, "artifacts/pack/bin"), folder])).MustEnd();
        (await packages.PackClient($"{folder}/bin", $"{folder}/same")).MustEnd();

        // The same room with one member less.
        const string Room = "Ioasis.Memory", Gone = "public bool Overlaps(IovaRange other)";
        string source = $"{bench.Root}/artifacts/less/src/{Room}";
        (await Execution.Run(["sh", "-c", "rm -rf \"$2\" && mkdir -p \"$2\" && cp -r \"$1\"/. \"$2\"", "copy",
            $"{bench.Root}/src/{Room}", source])).MustEnd();
        string file = $"{source}/IovaRange.cs", code = await File.ReadAllTextAsync(file, Cancellation);
        string less = code.Replace(Gone, Gone.Replace("public", "internal", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.NotEqual(code, less);
        await File.WriteAllTextAsync(file, less, Cancellation);
        (await Execution.Run(["dotnet", "build", source, "-c", "Release", "--nologo", "-v", "quiet",
            "-p:RunAnalyzers=false", "-o", $"{folder}/bin/{Room}/release", "--artifacts-path", $"{folder}/work"],
            patience: TimeSpan.FromMinutes(15))).MustEnd();
        (await packages.PackClient($"{folder}/bin", $"{folder}/changed")).MustEnd(1)
            .MustSay("error CP0002", "Ioasis.Memory.IovaRange.Overlaps(Ioasis.Memory.IovaRange)");
        Directory.Delete($"{bench.Root}/artifacts/less", recursive: true);
    }

    [Fact]
    public async Task Packages_made_twice_have_equal_bytes()
    {
        string again = Path.Combine(packages.Feed, "..", "again");
        Assert.Equal(packages.Version, await packages.Pack(again));
        foreach (string file in Directory.EnumerateFiles(packages.Feed))
            Assert.Equal(Sum(file), Sum(Path.Combine(again, Path.GetFileName(file))));

        static string Sum(string file) => Path.GetFileName(file) + Convert.ToHexString(
            SHA256.HashData(File.ReadAllBytes(file)));
    }

    [Fact]
    public async Task A_driver_is_compiled_ahead_of_time_and_runs()
    {
        string folder = await packages.New("ioasis-driver", "Mine");
        (await packages.Dotnet("publish", folder, "-warnaserror", "-o", Path.Combine(folder, "out"))).MustEnd();
        string program = Path.Combine(folder, "out", "Mine");
        Assert.False(File.Exists(program + ".dll"), "the program is native");
        (await Execution.Run(bench.UnderIoasis(Who.Self, [], program))).MustEnd()
            .MustSay("/dev/vfio/devices/vfio0: 1048576 bytes of registers, memory at IOVA 0x1000");
    }

    [Fact]
    public async Task A_device_model_is_a_plugin()
    {
        string folder = await packages.New("ioasis-device", "Mine");
        (await packages.Dotnet("build", folder, "-warnaserror")).MustEnd();
        (await Execution.Run([Path.Combine(bench.Root, "ioasis"), "devices",
            "--plugin", Path.Combine(folder, "bin/Debug/net10.0/Mine.dll"), "--device", "doubler"])).MustEnd()
            .MustSay("doubler  1234:0002");
    }

    [Fact]
    public async Task A_test_passes_and_with_a_mistake_it_fails_and_has_the_trace()
    {
        string folder = await packages.New("ioasis-test", "Mine");
        string tests = Path.Combine(folder, "bin/Debug/net10.0/Mine.dll");
        (await packages.Dotnet("build", folder, "-warnaserror")).MustEnd();
        (await packages.Dotnet(tests, "-noColor")).MustEnd();

        string source = Path.Combine(folder, "DriverTests.cs"), report = Path.Combine(folder, "report.xml");
        string code = await File.ReadAllTextAsync(source, Cancellation);
        string wrong = code.Replace("registers.Write(0x00, mapping.Address.Value);", "registers.Write(0x00, 0x5000UL);",
            StringComparison.Ordinal);
        Assert.NotEqual(code, wrong);
        await File.WriteAllTextAsync(source, wrong, Cancellation);
        (await packages.Dotnet("build", folder)).MustEnd();
        (await packages.Dotnet(tests, "-noColor", "-xml", report)).MustEnd(1).MustSay("dma-unmapped");
        XElement attachment = XDocument.Load(report).Descendants("attachment")
            .Single(a => (string?)a.Attribute("name") == "ioasis-trace.txt");
        Assert.Contains("IOMMU_IOAS_MAP", attachment.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Analyzers_warn_and_plugins_are_experimental()
    {
        string folder = await packages.New("ioasis-driver", "Mine");
        string project = Path.Combine(folder, "Mine.csproj");
        string text = await File.ReadAllTextAsync(project, Cancellation);
        await File.WriteAllTextAsync(project, text.Replace("Ioasis.Client", "Ioasis.Plugins", StringComparison.Ordinal),
            Cancellation);
        await File.WriteAllTextAsync(Path.Combine(folder, "More.cs"), """
            using Ioasis.Client;
            internal static class More
            {
                internal static void Leak(IommuContext context)
                {
                    Ioas leaked = context.AllocateIoas();
                    System.Console.WriteLine(leaked.Id);
                }

                internal static readonly System.Type Table = typeof(Ioasis.Iommufd.Ioctls.IommufdIoctl);
            }
            """, Cancellation);
        Ending built = (await packages.Dotnet("build", folder)).MustEnd(1);
        built.MustSay("error IOASIS001", "warning IOASIS103");
        (await packages.Dotnet("build", folder, "-p:NoWarn=IOASIS001")).MustEnd();
    }
}

using System.Reflection.Metadata;
using System.Text.Json;

namespace Ioasis.EndToEnd.Release;

/// <summary>The symbols name the place of their sources: a debugger fetches them from there.</summary>
public sealed class SourceLinkTests(Workbench bench)
{
    private const string Room = "Ioasis.Memory"; // of the package Ioasis.Client; it refers to no other

    private static readonly Guid s_sourceLink = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");

    [Fact]
    public async Task Symbols_of_a_clone_name_its_remote_and_its_commit()
    {
        string tree = Path.Combine(await bench.Scratch(Who.Self), "clone");
        (await Execution.Run(["git", "clone", "--quiet", "--no-hardlinks", bench.Root, tree])).MustEnd();
        const string Remote = "https://github.com/example/ioasis.git";
        (await Execution.Run(["git", "-C", tree, "remote", "set-url", "origin", Remote])).MustEnd();
        string commit = (await Execution.Run(["git", "-C", tree, "rev-parse", "HEAD"])).MustEnd().Output.Trim();
        (await Execution.Run(["dotnet", "build", $"{tree}/src/{Room}", "-c", "Release", "--nologo", "-v", "quiet",
            "-p:ContinuousIntegrationBuild=true", "-p:RunAnalyzers=false"], patience: TimeSpan.FromMinutes(15)))
            .MustEnd();

        string symbols = $"{tree}/artifacts/bin/{Room}/release/{Room}.pdb";
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(symbols));
        MetadataReader reader = provider.GetMetadataReader();
        CustomDebugInformation information = reader.CustomDebugInformation
            .Select(reader.GetCustomDebugInformation).Single(one => reader.GetGuid(one.Kind) == s_sourceLink);
        using var links = JsonDocument.Parse(reader.GetBlobBytes(information.Value));
        Dictionary<string, string> documents = links.RootElement.GetProperty("documents").EnumerateObject()
            .ToDictionary(one => one.Name, one => one.Value.GetString()!);
        Assert.Equal($"https://raw.githubusercontent.com/example/ioasis/{commit}/*", Assert.Single(documents).Value);

        string prefix = documents.Single().Key.TrimEnd('*');
        string[] sources = [.. reader.Documents.Select(one => reader.GetString(reader.GetDocument(one).Name))];
        Assert.Contains($"{prefix}src/{Room}/Iova.cs", sources);
        Assert.All(sources, one => Assert.StartsWith(prefix, one, StringComparison.Ordinal));
    }
}

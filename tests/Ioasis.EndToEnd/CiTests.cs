using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Json.Schema;

namespace Ioasis.EndToEnd;

/// <summary>What docs/ci.md promises: reports, the set-up of a job, and the recipes as they stand there.</summary>
public sealed partial class CiTests(Workbench bench)
{
    private const string Leak = "leak=1";

    /// <summary>The steps of the page's job on a program with a planted leak: red, with the line.</summary>
    [Fact]
    public async Task A_planted_leak_turns_a_job_red_with_the_right_annotation()
    {
        string folder = await Sources(), page = await Page();
        Dictionary<string, string> job = new(await Job(folder))
        {
            ["IOASIS_CHECK"] = Leak,
            ["GITHUB_WORKSPACE"] = folder,
        };
        string[] steps = [.. Step().Matches(Section(page, "GitHub")).Select(m => m.Groups[1].Value)];
        Assert.Equal(2, steps.Length);
        await Shell(folder, steps[0], job, 0);
        Ending right = await Shell(folder, steps[1], job, 0);
        Assert.DoesNotContain("::error", right.Error, StringComparison.Ordinal);

        Ending red = await Shell(folder, steps[1] + " leak", job, 99);
        string[] source = await File.ReadAllLinesAsync($"{folder}/vfio_test.c", TestContext.Current.CancellationToken);
        int line = 1 + Array.FindIndex(
            source, l => l.Contains("TRY(ioctl(iommu, IOMMU_IOAS_ALLOC", StringComparison.Ordinal));
        Assert.Matches($"(?m)^::error file=vfio_test.c,line={line},title=Ioasis%3A leak::", red.Error);
        JsonNode sarif = JsonNode.Parse(await File.ReadAllTextAsync($"{folder}/ioasis.sarif",
            TestContext.Current.CancellationToken))!;
        await MustBeSarif(sarif);
        JsonNode result = Assert.Single(sarif["runs"]![0]!["results"]!.AsArray())!;
        Assert.Equal(("leak", "vfio_test.c", line), ((string?)result["ruleId"],
            (string?)result["locations"]![0]!["physicalLocation"]!["artifactLocation"]!["uri"],
            (int)result["locations"]![0]!["physicalLocation"]!["region"]!["startLine"]!));
    }

    [Fact]
    public async Task Reports_say_the_same_in_each_form()
    {
        string folder = await Sources();
        Dictionary<string, string> job = new(await Job(folder)) { ["IOASIS_CHECK"] = Leak };
        await Shell(folder, "gcc -g $IOASIS_CFLAGS vfio_test.c -o vfio_test", job, 0);
        Ending red = await Shell(folder, "ioasis run --check --quiet --report junit=r.xml --report tap=r.tap "
            + "--report sarif=r.sarif -- ./vfio_test leak", job, 99);
        Assert.Equal("", red.Error);
        XElement failure = Assert.Single(XDocument.Load($"{folder}/r.xml").Descendants("failure"));
        Assert.Equal("leak", failure.Parent!.Attribute("name")!.Value);
        Ending prove = await Execution.Run(["prove", "-v", "-e", "cat", $"{folder}/r.tap"]);
        prove.MustEnd(1);
        Assert.Contains("Failed 1/", prove.Output + prove.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Parse errors", prove.Output + prove.Error, StringComparison.Ordinal);
        await Shell(folder, "ioasis run --check --quiet --report tap=r.tap -- ./vfio_test", job, 0);
        (await Execution.Run(["prove", "-e", "cat", $"{folder}/r.tap"])).MustEnd().MustSay("All tests successful.");
    }

    /// <summary>A file that is not the released one is refused.</summary>
    [Fact]
    public async Task A_wrong_checksum_stops_a_job()
    {
        string folder = await Sources(), release = $"{folder}/release";
        Directory.CreateDirectory(release);
        await File.WriteAllTextAsync($"{release}/ioasis", "#!/bin/sh\nexit 0\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{release}/SHA256SUMS", $"{new string('0', 64)}  ioasis\n",
            TestContext.Current.CancellationToken);
        Ending ending = await Execution.Run(["bash", $"{bench.Root}/eng/ci/setup.sh", $"{folder}/ioasis"],
            new Dictionary<string, string> { ["IOASIS_RELEASE"] = $"file://{release}" });
        Assert.Contains("is not the file that SHA256SUMS says", ending.MustEnd(1).Error, StringComparison.Ordinal);
    }

    /// <summary>The steps of action.yml, as a runner runs them.</summary>
    [Fact]
    public async Task The_action_prepares_a_job()
    {
        string folder = await Sources();
        IReadOnlyDictionary<string, string> job = await Job(folder);
        Assert.Contains("-I ", job["IOASIS_CFLAGS"], StringComparison.Ordinal);
        Assert.Contains("--fast-enough", (await Shell(folder, "ioasis run echo --fast-enough", job, 0)).Output,
            StringComparison.Ordinal);
    }

    /// <summary>The lines of GitLab's template, then those of a job.</summary>
    [Fact]
    public async Task The_template_prepares_a_job()
    {
        string folder = await Sources(), release = await Release(folder);
        (await Execution.Run(["cp", $"{bench.Root}/eng/ci/setup.sh", release])).MustEnd();
        string template = await File.ReadAllTextAsync(
            $"{bench.Root}/eng/ci/gitlab.yml", TestContext.Current.CancellationToken);
        string script = string.Join('\n', TemplateLine().Matches(template).Select(m => m.Groups[1].Value));
        Dictionary<string, string> job = new()
        {
            ["CI_PROJECT_DIR"] = folder,
            ["IOASIS_RELEASE"] = $"file://{release}",
            ["XDG_CACHE_HOME"] = $"{bench.Root}/artifacts/cache",
        };
        string[] lines = [.. TemplateLine().Matches(Section(await Page(), "GitLab")).Select(m => m.Groups[1].Value)];
        Assert.Equal(2, lines.Length);
        await Shell(folder, $"{script}\n{string.Join('\n', lines)}", job, 0);
        Assert.Empty(XDocument.Load($"{folder}/ioasis.xml").Descendants("failure"));
    }

    [Theory]
    [InlineData("Meson")]
    [InlineData("CMake")]
    [InlineData("Cargo")]
    [InlineData("pytest")]
    public async Task A_recipe_works_as_it_stands_on_the_page(string recipe)
    {
        string folder = await Sources();
        string commands = Shells().Match(Section(await Page(), recipe)).Groups[1].Value;
        Assert.NotEqual("", commands);
        await Shell(folder, commands, await Job(folder), 0);
    }

    /// <summary>A folder with examples/ci.</summary>
    private async Task<string> Sources()
    {
        string folder = await bench.Scratch(Who.Self);
        (await Execution.Run(["cp", "-r", $"{bench.Root}/examples/ci/.", folder])).MustEnd();
        return folder;
    }

    /// <summary>
    /// The environment of a job after action.yml's steps, with the source tree's ioasis as the released file.
    /// </summary>
    private async Task<IReadOnlyDictionary<string, string>> Job(string folder)
    {
        string release = await Release(folder), temporary = Directory.CreateDirectory($"{folder}/runner").FullName;
        string action = await File.ReadAllTextAsync($"{bench.Root}/action.yml", TestContext.Current.CancellationToken);
        string steps = ActionStep().Match(action).Groups[1].Value;
        Assert.Contains("setup.sh", steps, StringComparison.Ordinal);
        Dictionary<string, string> job = new()
        {
            ["IOASIS_RELEASE"] = $"file://{release}",
            ["IOASIS_CFLAGS"] = "yes",
            ["IOASIS_DOCTOR"] = "yes",
            ["GITHUB_ACTION_PATH"] = bench.Root,
            ["RUNNER_TEMP"] = temporary,
            ["GITHUB_ENV"] = $"{folder}/env",
            ["GITHUB_PATH"] = $"{folder}/path",
            ["XDG_CACHE_HOME"] = $"{bench.Root}/artifacts/cache",
        };
        await Shell(folder, steps, job, 0);
        foreach (string line in await File.ReadAllLinesAsync($"{folder}/env", TestContext.Current.CancellationToken))
        {
            string[] pair = line.Split('=', 2);
            job[pair[0]] = pair[1];
        }

        string path = (await File.ReadAllTextAsync($"{folder}/path", TestContext.Current.CancellationToken)).Trim();
        job["PATH"] = $"{path}:/usr/bin:{Environment.GetEnvironmentVariable("PATH")}"; // Debian's Python has pytest
        return job;
    }

    /// <summary>A release whose file is the source tree's ioasis.</summary>
    private async Task<string> Release(string folder)
    {
        string release = Directory.CreateDirectory($"{folder}/release").FullName;
        await File.WriteAllTextAsync($"{release}/ioasis", $"#!/bin/sh\nexec '{bench.Root}/ioasis' \"$@\"\n",
            TestContext.Current.CancellationToken);
        (await Execution.Run(["sh", "-c", $"cd '{release}' && sha256sum ioasis >SHA256SUMS"])).MustEnd();
        return release;
    }

    private static async Task<Ending> Shell(
        string folder, string commands, IReadOnlyDictionary<string, string> environment, int code) =>
        (await Execution.Run(["bash", "-e", "-o", "pipefail", "-c", $"cd '{folder}'\n{commands}"], environment))
            .MustEnd(code);

    private static async Task<string> SchemaOf(string root)
    {
        string script = $"{root}/eng/ci/sarif-schema.sh";
        return (await Execution.Run([script], patience: TimeSpan.FromMinutes(5))).MustEnd().Output.Trim();
    }

    private async Task MustBeSarif(JsonNode sarif)
    {
        // Its words are those of draft 7 too, but for the name of the identifier.
        var schema = JsonSchema.FromText((await File.ReadAllTextAsync(
                await SchemaOf(bench.Root), TestContext.Current.CancellationToken))
            .Replace("json-schema.org/draft-04/", "json-schema.org/draft-07/", StringComparison.Ordinal)
            .Replace("\"id\": \"https:", "\"$id\": \"https:", StringComparison.Ordinal));
        EvaluationResults results = schema.Evaluate(sarif, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(results.IsValid, JsonSerializer.Serialize(
            results.Details.Where(d => d.HasErrors).Select(d => new { At = $"{d.InstanceLocation}", d.Errors })));
    }

    private Task<string> Page() =>
        File.ReadAllTextAsync($"{bench.Root}/docs/ci.md", TestContext.Current.CancellationToken);

    private static string Section(string page, string name)
    {
        int at = Regex.Match(page, $"(?m)^##+ {Regex.Escape(name)}$").Index;
        Assert.True(at > 0, $"docs/ci.md has no section {name}");
        int end = page.IndexOf("\n##", at + 3, StringComparison.Ordinal);
        return page[at..(end < 0 ? page.Length : end)];
    }

    [GeneratedRegex(@"(?m)^ *- run: (.*)$")]
    private static partial Regex Step();

    [GeneratedRegex(@"(?m)^    - (.*)$")]
    private static partial Regex TemplateLine();

    [GeneratedRegex(@"(?ms)^```sh\n(.*?)^```")]
    private static partial Regex Shells();

    [GeneratedRegex(@"(?ms)^      run: \|\n(.*)\z")]
    private static partial Regex ActionStep();
}

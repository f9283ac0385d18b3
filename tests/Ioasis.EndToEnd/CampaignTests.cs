using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd;

/// <summary>A campaign as job runners start it: a process for each shard, and one that joins what they wrote.</summary>
public sealed class CampaignTests(Workbench bench)
{
    private const int Shards = 3;

    [Fact]
    public async Task Shards_that_know_only_their_number_play_a_campaign_together()
    {
        string results = Path.Combine(await bench.Scratch(Who.Self), "results");
        Dictionary<string, string> campaign = new()
        {
            ["RESULTS"] = results,
            ["SHARDS"] = $"{Shards}",
            ["SECONDS_EACH"] = "1",
            ["FIRST_SEED"] = "40",
        };
        // As an indexed Job's pods are: all at once, told apart by one variable.
        Task<Ending>[] shards =
        [
            .. Enumerable.Range(0, Shards).Select(index => Execution.Run(CommandOfTheJob(),
                new Dictionary<string, string>(campaign) { ["JOB_COMPLETION_INDEX"] = $"{index}" })),
        ];
        foreach (Ending ending in await Task.WhenAll(shards)) ending.MustEnd().MustSay(" 0 failures");

        (await Execution.Run([Script, "merge"], campaign)).MustEnd().MustSay(", 0 failures\n");
        JsonNode all = Read(Path.Combine(results, "campaign.json"));
        JsonNode[] each = [.. Enumerable.Range(0, Shards).Select(i => Read(Path.Combine(results, $"shard-{i}.json")))];
        Assert.Equal([0, 1, 2], all["shards"]!.AsArray().Select(s => (int)s!));
        Assert.Equal(each.Sum(e => (long)e["calls"]!), (long)all["calls"]!);
        Assert.True((long)all["seeds"]! >= Shards);
        Assert.Equal(each.Sum(e => (long)e["coverage"]!["map"]!["ok"]!), (long)all["coverage"]!["map"]!["ok"]!);

        // A shard whose pod died is missed.
        File.Delete(Path.Combine(results, "shard-1.json"));
        (await Execution.Run([Script, "merge"], campaign)).MustEnd(1).MustSay("no result of shard 1\n");
    }

    /// <summary>
    /// The sequences that a campaign plays in process have the same answers through the nodes. Only what a capability
    /// permits may differ: in process every program has it.
    /// </summary>
    [Fact]
    public async Task Sequences_are_answered_through_the_nodes_as_in_process()
    {
        const string machine = """
            {
              "units": [ { "name": "dmar0", "addressBits": 48, "dirtyTracking": false, "nesting": false,
                "pasidBits": 0, "pageRequests": false } ],
              "devices": [ { "model": "edu", "address": "0000:00:03.0" },
                { "model": "edu", "address": "0000:00:04.0" } ]
            }
            """;
        const int Seeds = 3, Calls = 2000;
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string folder = await bench.Scratch(Who.Self), player = Path.Combine(folder, "player"),
            calls = Path.Combine(folder, "calls"), description = Path.Combine(folder, "machine.json");
        (await Execution.Run(["gcc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-o", player,
            Path.Combine(bench.Root, "tests/Ioasis.Differential/Linux/player.c")])).MustEnd();
        await File.WriteAllTextAsync(calls, await Runner("calls"), cancel);
        await File.WriteAllTextAsync(description, machine, cancel);
        for (int seed = 1; seed <= Seeds; seed++)
        {
            string sequence = Path.Combine(folder, "sequence");
            await File.WriteAllTextAsync(sequence, await Runner("generate", $"{seed}", $"{Calls}"), cancel);
            string[][] inProcess = [.. Lines(await Runner("play", sequence)).Select(l => l.Split(" => "))];
            Ending ending = (await Execution.Run([bench.Launcher(Who.Self), "run", "--machine", description, "--",
                player, calls, sequence])).MustEnd();
            string[] throughNodes = [.. Lines(ending.Output).Skip(1)]; // the name of the sequence
            Assert.Equal(Calls, throughNodes.Length);
            Assert.Equal(
                inProcess.Select((pair, i) => pair[0].StartsWith("option", StringComparison.Ordinal)
                    && throughNodes[i] == "EPERM" ? "EPERM" : pair[1]), throughNodes);
        }

        async Task<string> Runner(params string[] words) => (await Execution.Run(["dotnet", Path.Combine(bench.Root,
            "artifacts/bin/Ioasis.Differential/release/Ioasis.Differential.dll"), .. words])).MustEnd().Output;

        static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task What_the_script_is_not_told_it_asks_for()
    {
        Ending ending = await Execution.Run([Script, "shard"], new Dictionary<string, string> { ["SHARDS"] = "2" });
        Assert.NotEqual(0, ending.Code);
        Assert.Contains("SHARD or JOB_COMPLETION_INDEX says which shard this is", ending.Error,
            StringComparison.Ordinal);
        (await Execution.Run([Script])).MustEnd(2);
    }

    private string Script => Path.Combine(bench.Root, "eng/campaign.sh");

    /// <summary>The command of the Job's container, with the tree where it is here.</summary>
    private string[] CommandOfTheJob()
    {
        string line = File.ReadLines(Path.Combine(bench.Root, "eng/campaign/kubernetes.yaml"))
            .Single(l => l.Contains("command: ", StringComparison.Ordinal));
        string[] words = [.. JsonNode.Parse(line[line.IndexOf('[')..])!.AsArray().Select(w => (string)w!)];
        Assert.StartsWith("/ioasis/", words[0], StringComparison.Ordinal);
        return [Path.Combine(bench.Root, words[0]["/ioasis/".Length..]), .. words[1..]];
    }

    private static JsonNode Read(string path) => JsonNode.Parse(File.ReadAllText(path))!;
}

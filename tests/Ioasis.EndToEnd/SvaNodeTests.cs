namespace Ioasis.EndToEnd;

/// <summary>/dev/sva, on a machine with two IOMMUs.</summary>
public sealed class SvaNodeTests(Workbench bench)
{
    private const string TwoUnits = """
        {
          "units": [ { "name": "dmar0" }, { "name": "dmar1", "firstStage5Level": false } ],
          "devices": [
            { "model": "dmatest", "address": "0000:07:00.0", "unit": "dmar0" },
            { "model": "dmatest", "address": "0000:08:00.0", "unit": "dmar1" }
          ]
        }
        """;

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task One_PASID_serves_devices_behind_different_IOMMUs(Who who)
    {
        string machine = Path.Combine(await bench.Scratch(who), "machine.json");
        await File.WriteAllTextAsync(machine, TwoUnits, TestContext.Current.CancellationToken);
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "run", "--machine", machine, "--",
                              bench.Client("sva_devices"), "0000:07:00.0", "0000:08:00.0"])).MustEnd().MustSay(
            "the process, by both devices: ok", "an IOAS, by both devices: ok", "a HWPT, by both devices: ok",
            "a guest's first stage, by both devices: ok",
            "a quota, reached and reached again: ok", "sva_devices: all as it must be");
    }

    [Fact]
    public async Task The_machine_s_description_says_how_many_PASIDs_a_file_may_have()
    {
        string machine = Path.Combine(await bench.Scratch(Who.Nobody), "machine.json");
        await File.WriteAllTextAsync(machine, """{ "pasidQuota": 2 }""", TestContext.Current.CancellationToken);
        (await Execution.Run([.. Workbench.As(Who.Nobody), bench.Launcher(Who.Nobody), "run", "--machine",
                machine, "--",
                              bench.Client("sva_quota"), "2"])).MustEnd().MustSay("sva_quota: all as it must be");
    }
}

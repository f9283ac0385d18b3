using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ioasis.Cli.Verbs;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Host.Control;
using Ioasis.Host.Doctor;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Replay.Fuzz;
using Ioasis.Tests.Architecture;
using Json.Schema;

namespace Ioasis.Tests.Cli;

/// <summary>What commands print as JSON is what the schemas say, and has one style.</summary>
public sealed partial class JsonOutputTests : IDisposable
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default
        .WithDevice("dmatest@1000:00:06.0,mdevs=2").WithMdev("dmatest-1ch@1000:00:06.0").WithMdev("mtty-1@mtty")
        .WithDevice("virtio-net@n0,vdpa").WithDevice("virtio-blk@b0,vdpa,size=1M"));

    private readonly ControlAnswers _answers;
    private readonly NodeTransport _nodes;

    public JsonOutputTests()
    {
        _answers = new ControlAnswers(_machine, 7, ["program", "argument"]);
        _nodes = NodeTransport.InProcess(_machine);
    }

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void Devices() => MustFit("devices", Written(o => DeviceList.WriteJson(_machine, o)));

    [Fact]
    public void AStateWithObjectsOfManyKinds()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(8192);
        ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
        device.Attach(ioas);
        JsonNode state = MustFit("state", Written(o => StateView.Write(Ask(new ControlRequest("state")), true, o)));
        Assert.Equal("0x40000", (string?)state["contexts"]![0]!["objects"]!.AsArray()
            .First(one => (string?)one!["kind"] == "ioas")!["maps"]![0]!["first"]);
    }

    [Fact]
    public void AWalkThroughAFirstStage()
    {
        WalkStep step = new(WalkStage.First, 4, 0x1000, 0x2027, "P", IsKept: false, IsFault: false)
        {
            Uses = new WalkBits(39, 9),
            Fields = [new WalkField("P", 0, 1, 1, "present"), new WalkField("ADDR", 12, 40, 0x2000, "a table")],
            Mapping = new WalkMapping(0, 0xffff, "read"),
        };
        JsonNode walk = MustFit("walk", Written(o => WalkView.Write([step], FaultReason.None, true, o)));
        Assert.Equal("0x2000", (string?)walk["steps"]![0]!["fields"]![1]!["value"]);
        string text = Written(o => WalkExplained.Write(3UL << 39, [step], FaultReason.None, hasColours: false, o));
        Assert.Equal("""
            stage 1 level 4 0x0000000000001000 0x0000000000002027 P
                    bits 47:39 of the address are the index: 000000011, 0x3
                    read through stage 2: mapping 0x0-0xffff, read
                    51:12  ADDR  0x2000  a table
                        0  P     0x1  present
            The address is translated.

            """, text);
        string coloured = Written(o => WalkExplained.Write(3UL << 39, [step], FaultReason.None, hasColours: true, o));
        Assert.Contains("\e[1m000000011\e[0m", coloured, StringComparison.Ordinal);
    }

    [Fact]
    public void AWalkAndTheFaultsOfARefusedAccess()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        device.Attach(ioas);
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        registers.Write(0x00, ulong.MaxValue - 0xfff & 0xffff_ffff_f000);
        registers.Write(0x10, 8u);
        registers.Write(0x08, 3u);
        Assert.True(SpinWait.SpinUntil(() => (registers.Read<uint>(0x08) & 1) == 0, TimeSpan.FromMinutes(1)));

        ControlAnswer walked = Read(new ControlRequest("walk", "1000:00:04.0", Address: 0xffff_ffff_f000));
        JsonNode walk = MustFit("walk", Written(o => WalkView.Write(walked.Steps!, walked.Reason, true, o)));
        Assert.Equal(("NotMapped", "0xfffffffff000"),
            ((string?)walk["reason"], (string?)walk["steps"]!.AsArray()[^1]!["address"]));

        Assert.Equal((6, "Legacy mode, a read"), ((int?)walk["steps"]!.AsArray()[^1]!["code"],
            ((string?)walk["steps"]!.AsArray()[^1]!["rule"])![..19]));
        string explained = Written(
            o => WalkExplained.Write(0xffff_ffff_f000, walked.Steps!, walked.Reason, hasColours: false, o));
        Assert.EndsWith("The access faults: NotMapped.\n", explained, StringComparison.Ordinal);
        Assert.Contains("fault reason 0x6: Legacy mode, a read", explained, StringComparison.Ordinal);

        ControlAnswer faulted = Read(new ControlRequest("faults"));
        JsonNode faults = MustFit("faults", Written(o => WalkView.Write(faulted.Faults!, true, o)));
        Assert.Equal("0xfffffffff000", (string?)Assert.Single(faults["faults"]!.AsArray())!["address"]);
        JsonNode line = MustFit("faults", Written(o => WalkView.WriteOne(
            JsonSerializer.SerializeToUtf8Bytes(faulted.Faults![0]), true, o)));
        Assert.Equal(nameof(FaultReason.NotMapped), (string?)line["reason"]);
    }

    [Fact]
    public void Programs() => MustFit("ps", Written(o => StateView.Write(
        [new ProgramVersion("1.0", 7, 6, DateTimeOffset.UnixEpoch, ["program", "argument"])], true, o)));

    [Fact]
    public void ChecksOfAHost() => MustFit("doctor", Written(o => DoctorCommand.Write(
        [new HostCheck("kernel", Verdict.Ok, "new"), new HostCheck("KVM", Verdict.Warn, "none", "emulate")], true, o)));

    [Fact]
    public void AResultOfFuzzing()
    {
        string file = Path.GetTempFileName();
        new FuzzResult
        {
            ShardCount = 2,
            Shards = [1],
            FirstSeed = 1,
            CallsPerSeed = 10,
            Coverage = FuzzResult.Count([("attach", "EINVAL", 3)]),
            Failures = [new FuzzFailure { Seed = 1, Kind = "vfio", Oracle = "hang", What = "x", Calls = ["reset"] }],
        }.Write(file);
        MustFit("fuzz", File.ReadAllText(file));
        Assert.Equal([1], FuzzResult.Read(file).Shards);
        File.Delete(file);
    }

    /// <summary>The validator is not blind: each of these has one thing wrong.</summary>
    [Theory]
    [InlineData("""{"ioasis":2,"programs":[]}""")]
    [InlineData("""{"programs":[]}""")]
    [InlineData("""{"ioasis":1,"programs":[],"more":1}""")]
    [InlineData("""{"ioasis":1,"programs":[{"version":"1"}]}""")]
    public void WhatDoesNotFitIsFound(string json) =>
        Assert.False(SchemaOf("ps").Evaluate(JsonNode.Parse(json)).IsValid);

    [Fact]
    public void TheSchemasThatAreWrittenAreThoseOfTheDocumentation()
    {
        string docs = Path.Combine(Repository.Root, "docs");
        Assert.Equal(Directory.GetFiles(docs, "*.schema.json").Select(f => Path.GetFileName(f).Split('.')[0])
            .Order(StringComparer.Ordinal), SchemaCommand.Names);
        foreach (string name in SchemaCommand.Names)
            Assert.Equal(File.ReadAllText(Path.Combine(docs, $"{name}.schema.json")), SchemaCommand.Text(name));
    }

    /// <summary>A description of a machine that has a unit, and what a wrong name of it comes to.</summary>
    [Theory]
    [InlineData("""{"units":[{"name":"dmar0"}]}""", true)]
    [InlineData("""{"units":[{"name":""}]}""", false)]
    [InlineData("""{"units":[{"name":".."}]}""", false)]
    [InlineData("""{"units":[{"name":"a/b"}]}""", false)]
    [InlineData("""{"units":[{"name":"..a"}]}""", true)]
    public void TheSchemaOfAMachineKnowsNamesOfUnits(string json, bool isRight) =>
        Assert.Equal(isRight, SchemaOf("machine").Evaluate(JsonNode.Parse(json)).IsValid);

    /// <summary>Whether JSON is of the form that a schema says.</summary>
    internal static JsonNode MustFit(string schema, string json)
    {
        JsonNode node = JsonNode.Parse(json)!;
        EvaluationResults results =
            SchemaOf(schema).Evaluate(node, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(results.IsValid, json + string.Join('\n', results.Details.Where(d => d.HasErrors)
            .Select(d => $"{d.InstanceLocation}: {string.Join(", ", d.Errors!.Values)}")));
        Assert.Equal(JsonOutput.Version, (int?)node["ioasis"]);
        Assert.Equal("ioasis", node.AsObject().First().Key);
        if (schema != "fuzz") Assert.All(NamesIn(node), name => Assert.Matches(CamelCase(), name));
        return node;
    }

    private static IEnumerable<string> NamesIn(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(m => NamesIn(m.Value).Prepend(m.Key)),
        JsonArray items => items.SelectMany(NamesIn),
        _ => [],
    };

    private static JsonSchema SchemaOf(string name) => JsonSchema.FromText(SchemaCommand.Text(name));

    private static string Written(Action<TextWriter> write)
    {
        using var output = new StringWriter();
        write(output);
        return output.ToString();
    }

    private ControlAnswer Read(ControlRequest request) => JsonSerializer.Deserialize<ControlAnswer>(Ask(request))!;

    private byte[] Ask(ControlRequest request) =>
        _answers.Answer(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(request)));

    [GeneratedRegex("^[a-z][A-Za-z0-9]*$")]
    private static partial Regex CamelCase();
}

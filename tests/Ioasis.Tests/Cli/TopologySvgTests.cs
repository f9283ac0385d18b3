using System.Text.Json;
using System.Xml.Linq;
using Ioasis.Cli.Drawing;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.State;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Cli;

/// <summary>The picture that <c>ioasis state --svg</c> draws has all of the state, and nothing else.</summary>
public sealed class TopologySvgTests
{
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    [Fact]
    public void EachThingOfTheStateHasItsBoxAndNoTwoLieUponEachOther()
    {
        using var machine = SoftwareMachine.Create(MachineDescription.Default
            .WithDevice("dmatest@1000:00:06.0,mdevs=2").WithMdev("dmatest-1ch@1000:00:06.0").WithMdev("mtty-1@mtty")
            .WithDevice("virtio-net@n0,vdpa"));
        var answers = new ControlAnswers(machine, 7, ["program"]);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        using IommuContext iommu = IommuContext.Open(nodes);
        using VfioDevice device = VfioDevice.Open(nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = nodes.Allocate(8192);
        ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
        device.Attach(ioas);
        MachineState state = Read(answers);

        XElement drawn = XDocument.Parse(TopologySvg.Draw(state)).Root!;
        string[] names = [.. drawn.Elements(s_svg + "text").Where(t => (string?)t.Attribute("class") == "name")
            .Select(t => t.Value)];
        string[] devices = [.. state.Devices.Select(d => d.Device).Order()];
        Assert.Equal(devices, names.Where(devices.Contains).Order());
        Assert.Equal(state.Mdevs.Count, names.Count(n => n.StartsWith("mdev ", StringComparison.Ordinal)));
        Assert.Equal(state.Units.Select(u => u.Name), names.Intersect(state.Units.Select(u => u.Name)));
        Assert.Equal(state.Groups.Count, names.Count(n => n.StartsWith("group ", StringComparison.Ordinal)));
        ObjectState[] objects = [.. state.Contexts.SelectMany(c => c.Objects)];
        Assert.Equal(objects.Where(o => o.Kind == "ioas").Select(o => $"IOAS {o.Id}").Order(),
            names.Where(n => n.StartsWith("IOAS ", StringComparison.Ordinal)).Order());
        Assert.Equal(objects.Where(o => o.Kind.StartsWith("hwpt", StringComparison.Ordinal))
            .Select(o => $"HWPT {o.Id}").Order(),
            names.Where(n => n.StartsWith("HWPT ", StringComparison.Ordinal)).Order());
        Assert.Contains("8 KiB", drawn.Elements(s_svg + "text").Select(t => t.Value));
        MustBeApart(drawn);
    }

    [Fact]
    public void WhatIsNestedStandsWithinItsParent()
    {
        ObjectState[] objects =
        [
            new(1, "ioas") { MapCount = 1, MappedBytes = 4096 },
            new(2, "hwpt_paging") { Ioas = 1, Flags = ["nest_parent"] },
            new(3, "hwpt_nested") { Parent = 2 },
        ];
        XElement drawn = Draw(objects, "unit");
        double[] outer = BoxOf(drawn, "HWPT 2"), inner = BoxOf(drawn, "HWPT 3");
        Assert.True(outer[0] < inner[0] && inner[0] + inner[2] < outer[0] + outer[2]);
        Assert.True(outer[1] < inner[1] && inner[1] + inner[3] < outer[1] + outer[3]);
    }

    [Fact]
    public void TextIsTextWhateverItSays()
    {
        XElement drawn = Draw([], "<script>alert(1)</script>&\u0001");
        Assert.Empty(drawn.Descendants(s_svg + "script"));
        string all = string.Concat(drawn.Elements(s_svg + "text").Select(t => t.Value));
        Assert.Contains("<script>alert(1)</script>&?", all, StringComparison.Ordinal);
    }

    private static XElement Draw(IReadOnlyList<ObjectState> objects, string unit)
    {
        var state = new MachineState([], [new ContextState(1, "/dev/iommu", 7, true, 0, objects)], [], [],
            [new UnitState(unit, 0)], 0, [], []);
        return XDocument.Parse(TopologySvg.Draw(state)).Root!;
    }

    private static MachineState Read(ControlAnswers answers) => JsonSerializer.Deserialize<MachineState>(
        answers.Answer(JsonSerializer.SerializeToUtf8Bytes(new ControlRequest("state"))), DiagnosticsJson.Line)!;

    private static double[] Place(XElement box) =>
        [.. new[] { "x", "y", "width", "height" }.Select(name => (double)box.Attribute(name)!)];

    /// <summary>The box in which a name stands: the smallest around its text.</summary>
    private static double[] BoxOf(XElement drawn, string name)
    {
        XElement text = drawn.Elements(s_svg + "text").Single(t => t.Value == name);
        return Boxes(drawn).Where(b => b[0] < (double)text.Attribute("x")! && b[1] < (double)text.Attribute("y")!
            && b[0] + b[2] > (double)text.Attribute("x")! && b[1] + b[3] > (double)text.Attribute("y")!)
            .MinBy(b => b[2] * b[3])!;
    }

    private static IEnumerable<double[]> Boxes(XElement drawn) =>
        drawn.Elements(s_svg + "rect").Where(r => (string?)r.Attribute("class") == "box").Select(Place);

    private static void MustBeApart(XElement drawn)
    {
        double[][] boxes = [.. Boxes(drawn)];
        Assert.NotEmpty(boxes);
        for (int i = 0; i < boxes.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                double[] a = boxes[i], b = boxes[j];
                bool isUpon = a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
                Assert.False(isUpon, $"box {i} lies upon box {j}");
            }
        }
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Diagnostics.Trace;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio.Ioctls;

namespace Ioasis.Tests.Diagnostics;

/// <summary>A trace has each call as the program made it, with what it caused.</summary>
public sealed class TraceTests : IDisposable
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly NodeTransport _nodes;
    private readonly StringWriter _output = new(CultureInfo.InvariantCulture);

    public TraceTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
        _output.Dispose();
    }

    [Fact]
    public void CallsAreShownWithTheirStructuresAndWhatTheyLeftThere()
    {
        (string[] lines, ulong address, int iommuFd, int deviceFd, string node) = TraceAProgram(new TraceOptions());
        string iommu = $"ioctl({iommuFd}</dev/iommu>, ", device = $"ioctl({deviceFd}<{node}>, ";
        Assert.Equal(
            [
                "open path=/dev/iommu process=PID file=1",
                $"open path={node} process=PID file=2",
                $"bind device={s_function} context=1 devid=1",
                $"{device}VFIO_DEVICE_BIND_IOMMUFD, {{argsz=24, flags=0, iommufd={iommuFd}, out_devid=0, "
                    + "token_uuid_ptr=0x0}) = 0 {out_devid=1}",
                $"{iommu}IOMMU_IOAS_ALLOC, {{size=12, flags=0, out_ioas_id=0}}) = 0 {{out_ioas_id=2}}",
                $"map context=1 ioas=2 iova=0x40000 last=0x40fff access=r address=0x{address:x}",
                $"{iommu}IOMMU_IOAS_MAP, {{size=40, flags=FIXED_IOVA|READABLE, ioas_id=2, user_va=0x{address:x}, "
                    + "length=4096, iova=0x40000}) = 0",
                $"{iommu}IOMMU_IOAS_MAP, {{size=40, flags=FIXED_IOVA|READABLE, ioas_id=2, user_va=0x{address:x}, "
                    + "length=4096, iova=0x40000}) = -1 EEXIST (something in 0x40000-0x40fff is mapped already)",
            ],
            lines.Select(l => l.Replace($"={Environment.ProcessId} ", "=PID ", StringComparison.Ordinal).Trim())
                .Where(l => !l.StartsWith("attach", StringComparison.Ordinal)
                    && !l.StartsWith("detach", StringComparison.Ordinal)
                    && !l.StartsWith("reset", StringComparison.Ordinal)).Take(8));
    }

    [Fact]
    public void OnlyWhatWasChosenIsThere()
    {
        string[] lines = TraceAProgram(Choose("trace=vfio")).Lines;
        Assert.All(lines, l => Assert.Contains("</dev/vfio/devices/", l, StringComparison.Ordinal));
        Assert.NotEmpty(lines);
        lines = TraceAProgram(Choose("map")).Lines;
        Assert.Equal(["map", "unmap"], lines.Select(l => l.Trim().Split(' ')[0]));
        lines = TraceAProgram(Choose("iommu") with { Succeeded = false }).Lines;
        Assert.EndsWith("= -1 EEXIST (something in 0x40000-0x40fff is mapped already)", Assert.Single(lines),
            StringComparison.Ordinal);
        lines = TraceAProgram(Choose("iommu") with { Succeeded = true }).Lines;
        Assert.DoesNotContain(lines, l => l.Contains("-1 E", StringComparison.Ordinal));
        Assert.Equal(
            "\"mop\" cannot be traced; expected some of: iommu, vfio, vdpa, sva, config, sysfs, mdev, dma, open, "
                + "map, attach, fault, inv, prq, irq, mmio, reset, inject",
            TraceFilter.TryRead("map,mop", out _));
        Assert.Throws<ArgumentException>(() => TraceAProgram(Choose("mop")));
    }

    [Fact]
    public void TimesAreWrittenWhereTheyAreAskedFor()
    {
        TraceOptions options = Choose("iommu") with { Times = true, Durations = true };
        double before = 0;
        foreach (string line in TraceAProgram(options).Lines)
        {
            Assert.Matches(@"^ *[0-9]+\.[0-9]{6}  .* <0\.[0-9]{6}>$", line);
            double at = double.Parse(line.Trim().Split(' ')[0], CultureInfo.InvariantCulture);
            Assert.True(at >= before);
            before = at;
        }

        Assert.NotEqual(0, before);
    }

    [Fact]
    public void AsJsonEachLineIsAnObjectWithTheFieldsByName()
    {
        (string[] lines, ulong address, int fd, _, _) = TraceAProgram(Choose("iommu") with { Json = true });
        Assert.NotNull(JsonNode.Parse(lines[0])!["ioasis"]); // the version of the form
        JsonNode[] calls = [.. lines.Skip(1).Select(l => JsonNode.Parse(l)!)];
        Assert.All(calls, c => Assert.Equal(("call", "ioctl", "/dev/iommu", fd),
            ((string)c["event"]!, (string)c["call"]!, (string)c["path"]!, (int)c["fd"]!)));
        JsonNode map = calls.First(c => (string)c["request"]! == "IOMMU_IOAS_MAP");
        Assert.Equal((0, "FIXED_IOVA|READABLE", 4096, $"0x{address:x}", "0x40000"),
            ((int)map["result"]!, (string)map["in"]!["flags"]!, (int)map["in"]!["length"]!,
                (string)map["in"]!["user_va"]!, (string)map["in"]!["iova"]!));
        JsonNode refused = calls.Single(c => c["errno"] is not null);
        Assert.Equal(("EEXIST", "something in 0x40000-0x40fff is mapped already", null),
            ((string)refused["errno"]!, (string)refused["why"]!, (object?)refused["result"]));
        JsonNode made = calls.First(c => (string)c["request"]! == "IOMMU_IOAS_ALLOC");
        Assert.Equal(2, (int)made["out"]!["out_ioas_id"]!);
    }

    [Fact]
    public void OneThatCannotBeWrittenHarmsNothing()
    {
        List<string> told = [];
        HostMessages.Listener = told.Add;
        using var full = new FullDisk();
        using (new Tracer(_machine.Observers, e => e.Id.ToString(), new TraceOptions(), full)) Work(out _);
        HostMessages.Listener = null;
        Assert.Equal(["the trace ends: no space"], told);
        Assert.Equal(1, full.Tries);
    }

    [Fact]
    public void TheFieldsOfEveryStructureOfTheTableAreThoseOfTheHeaders()
    {
        foreach (IoctlEntry row in IoctlTable.All) Check(row.Shape, row.Size);
        foreach (VfioIoctl row in VfioIoctls.Table.Values)
            if (row.Structure is { } structure) Check(new IoctlShape(row.Name, structure), row.MinimumSize);

        static void Check(IoctlShape shape, int size)
        {
            ShownField[] fields = [.. StructFields.Of(shape.Structure!).Read(Bytes(4096))];
            Assert.NotEmpty(fields);
            Assert.Contains(fields[0].Name, new[] { "size", "argsz" });
            Assert.Equal(fields.Length, fields.Select(f => f.Name).Distinct().Count());
            Assert.Empty(StructFields.Of(shape.Structure!).ReadChanged(Bytes(4096), Bytes(4096)));
            // each byte that is changed shows in a field
            byte[] changed = Bytes(4096);
            changed[size - 1] ^= 1;
            Assert.Single(StructFields.Of(shape.Structure!).ReadChanged(Bytes(4096), changed));
        }

        static byte[] Bytes(int count) => [.. Enumerable.Repeat((byte)0x11, count)];
    }

    [Fact]
    public void BitsWithoutANameAreShownAsANumber()
    {
        Assert.Equal("0", FlagNames.TextOf("iommu_ioas_map", 0));
        Assert.Equal("FIXED_IOVA|WRITEABLE|READABLE", FlagNames.TextOf("iommu_ioas_map", 7));
        Assert.Equal("READABLE|0x10", FlagNames.TextOf("iommu_ioas_map", 0x14));
        Assert.Equal("0x3", FlagNames.TextOf("no_such_struct", 3));
        Assert.Equal("READ|WRITE", FlagNames.TextOf("vfio_iommu_type1_dma_map", 3));
    }

    private static TraceOptions Choose(string words) => new() { Words = words };

    private (string[] Lines, ulong Address, int IommuFd, int DeviceFd, string Node) TraceAProgram(TraceOptions options)
    {
        _output.GetStringBuilder().Clear();
        (ulong Address, int Iommu, int Device) made;
        using (new Tracer(_machine.Observers, e => e.Id.ToString(), options, _output)) Work(out made);
        return (_output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries), made.Address, made.Iommu,
            made.Device, _machine.Devices.Single(d => d.Requester == s_function).VfioNode);
    }

    private void Work(out (ulong Address, int Iommu, int Device) made)
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(4096);
        ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
        Assert.Throws<IommuException>(() => ioas.Map(memory, MapAccess.Read, new Iova(0x40000)));
        made = (memory.Address.Value, iommu.Handle.Descriptor, device.Handle.Descriptor);
    }

    private sealed class FullDisk : StringWriter
    {
        internal int Tries { get; private set; }

        public override void Write(StringBuilder? value)
        {
            Tries++;
            throw new IOException("no space");
        }
    }
}

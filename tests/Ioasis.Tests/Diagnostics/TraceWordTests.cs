using System.Globalization;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.Trace;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Diagnostics;

/// <summary>The words that choose what devices do, what stands in sysfs, and whose line is whose.</summary>
public sealed class TraceWordTests : IDisposable
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest
    private static readonly Guid s_uuid = new("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");

    private readonly SoftwareMachine _machine =
        SoftwareMachine.Create(MachineDescription.Default.WithDevice("edus"));

    private readonly NodeTransport _nodes;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ioasis-trace-");

    public TraceWordTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void ConfigurationSpaceIsChosenAndRegionsHaveNames()
    {
        string[] lines = Trace("config", device =>
        {
            device.GetRegion(7).Read<ushort>(2);
            device.GetRegion(0).Read<uint>(8);
        });
        Assert.All(lines, l => Assert.Contains(", config+0x", l, StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("read(", StringComparison.Ordinal)
            && l.EndsWith(", 2, config+0x2) = 2", StringComparison.Ordinal));
        lines = Trace("vfio", device =>
        {
            device.EnableBusMaster();
            device.GetRegion(0).Read<uint>(8);
        });
        Assert.Contains(lines, l => l.EndsWith(", 4, bar0+0x8) = 4", StringComparison.Ordinal));
    }

    [Fact]
    public void AccessesOfDevicesAreTracedWhereTheyAreAskedFor()
    {
        string[] lines = Trace("dma", Access);
        Assert.Equal([$"dma device={s_function} iova=0x40010 length=8 access=r"], lines.Select(l => l.Trim()));
        Assert.DoesNotContain(Trace(null, Access),
            l => l.Trim().StartsWith("dma ", StringComparison.Ordinal));
    }

    [Fact]
    public void MdevsComeAndGoInATrace()
    {
        var output = new StringWriter(CultureInfo.InvariantCulture);
        using (new Tracer(_machine.Observers, _machine.NameOf, new TraceOptions { Words = "mdev" }, output))
        {
            _machine.CreateMdev("edu-1", "edus", s_uuid);
            Errno? removed = null;
            var remove = (VirtualFile)_machine.Paths[$"/sys/devices/virtual/edu/edus/{s_uuid}/remove"];
            remove.Store!("1"u8, errno => removed = errno);
            Assert.Equal(Errno.None, removed);
        }

        Assert.Equal(
            [
                $"mdev uuid={s_uuid} type=edu-1 parent=edus action=create",
                $"mdev uuid={s_uuid} type=edu-1 parent=edus action=remove",
            ],
            output.ToString().Trim().Split('\n').Select(l => l.Trim()));
    }

    [Fact]
    public void TheTimeOfDayStandsBeforeEachLine()
    {
        var output = new StringWriter(CultureInfo.InvariantCulture);
        DateTime before = DateTime.Now;
        using (new Tracer(
            _machine.Observers, _machine.NameOf, new TraceOptions { Words = "iommu", WallTimes = true }, output))
            OpenAndAllocate();
        DateTime after = DateTime.Now;
        string first = output.ToString().Split('\n')[0];
        Assert.Matches(@"^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}  +ioctl\(", first);
        if (before.Date != after.Date) return; // midnight
        TimeSpan at = TimeSpan.Parse(first.Split(' ')[0], CultureInfo.InvariantCulture);
        var slack = TimeSpan.FromMilliseconds(50);
        Assert.InRange(at, before.TimeOfDay - slack, after.TimeOfDay + slack);
    }

    [Fact]
    public void ALineIsItsProcessesAndWhatACallCausedGoesWithIt()
    {
        List<string> written = [];
        var lines = new LinesByProcess((process, line) => written.Add($"{process} {line}"));
        lines.Add(Event(call: 7, 7), "caused by 7");
        lines.Add(Event(call: 8, 8), "caused by 8");
        lines.Add(Event(call: 0, 9), "of a device");
        lines.Add(Call(number: 8, process: 200), "call 8");
        lines.Add(Call(number: 7, process: 100), null); // not traced itself
        lines.Add(Event(call: 9, 10), "whose call is lost");
        Assert.Equal(["0 of a device", "200 caused by 8", "200 call 8", "100 caused by 7"], written);
        lines.GiveUp();
        Assert.Equal("0 whose call is lost", written[^1]);
        lines.GiveUp();
        Assert.Equal(5, written.Count);
    }

    [Fact]
    public void EachProcessHasAFileAndManyOfThemAreNotOpenAtOnce()
    {
        string path = Path.Combine(_folder.FullName, "trace");
        using (var files = new TraceFiles(path))
        {
            for (int round = 0; round < 2; round++)
                for (int process = 0; process < 100; process++) files.WriteLine(process, $"{process}.{round}");
            files.Flush();
            Assert.True(Directory.GetFiles("/proc/self/fd").Count(
                fd => new FileInfo(fd).LinkTarget?.StartsWith(path, StringComparison.Ordinal) == true) <= 32);
        }

        Assert.Equal("0.0\n0.1\n", File.ReadAllText(path));
        for (int process = 1; process < 100; process++)
            Assert.Equal($"{process}.0\n{process}.1\n", File.ReadAllText($"{path}.{process}"));
        Assert.Equal(100, _folder.GetFiles().Length);
    }

    [Fact]
    public void ATraceByProcessHasWhatOneHasThatIsNot()
    {
        string path = Path.Combine(_folder.FullName, "trace");
        var options = new TraceOptions { Words = "iommu,open,map" };
        using (var files = new TraceFiles(path))
        using (new Tracer(_machine.Observers, _machine.NameOf, options, files)) OpenAndAllocate();
        // In this process nobody says whose a call is; whose an open is, the file says.
        Assert.StartsWith("open path=/dev/iommu", File.ReadAllText($"{path}.{Environment.ProcessId}").Trim(),
            StringComparison.Ordinal);
        Assert.Contains("IOMMU_IOAS_ALLOC", File.ReadAllText(path), StringComparison.Ordinal);
    }

    private static KeptEvent Event(long call, long sequence) =>
        new(new EventStamp(sequence, 0, call), new ResetEvent(new EventStamp(sequence, 0, call), null!));

    private static KeptEvent Call(long number, int process)
    {
        var stamp = new EventStamp(100 + number, 0, number);
        return new KeptEvent(stamp, new CallEvent(stamp, new NodeCall
        {
            Number = number,
            File = number,
            Path = "/dev/iommu",
            Thread = process,
            Process = process,
            Descriptor = 3,
            Name = "ioctl",
            Began = 0,
            Result = 0,
        }));
    }

    private void OpenAndAllocate()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using Ioas ioas = iommu.AllocateIoas();
    }

    private static void Access(VfioDevice device)
    {
        const ulong Address = 0x00, Command = 0x08, Length = 0x10, Status = 0x08;
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        registers.Write(Address, 0x40010UL);
        registers.Write(Length, 8u);
        registers.Write(Command, 3u);
        Assert.True(SpinWait.SpinUntil(() => (registers.Read<uint>(Status) & 1) == 0, TimeSpan.FromSeconds(30)));
    }

    private string[] Trace(string? words, Action<VfioDevice> work)
    {
        var output = new StringWriter(CultureInfo.InvariantCulture);
        using (new Tracer(_machine.Observers, _machine.NameOf, new TraceOptions { Words = words }, output))
        {
            using IommuContext iommu = IommuContext.Open(_nodes);
            using VfioDevice device = VfioDevice.Open(_nodes, s_function);
            device.Bind(iommu);
            using Ioas ioas = iommu.AllocateIoas();
            using UserMemory memory = _nodes.Allocate(4096);
            ioas.Map(memory, MapAccess.ReadWrite, new Iova(0x40000));
            device.Attach(ioas);
            work(device);
        }

        return output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}

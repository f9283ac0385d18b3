using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Tests.Vfio;

/// <summary>An eventfd that stands for a write, and what of it is under way when it is taken away.</summary>
public sealed class IoEventfdTests : IDisposable
{
    private const int EventFd = 20;
    private const uint Value = 0x11223344;
    private readonly VfioBench _bench = new();
    private readonly FakeEvent _counter;

    public IoEventfdTests()
    {
        _counter = _bench.Caller.AddEvent(EventFd);
        _bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY);
        Assert.True(Set(EventFd).IsOk);
    }

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void AWriteUnderWayAtTheCloseDoesNotReachTheNextOwner()
    {
        using StoppedThread write = StoppedThread.At("VfioPciDevice.IoEventfdSignalled", _counter.Listener!);
        _bench.Close();

        NodeFile next = _bench.OpenFile();
        Assert.True(_bench.Bind(next).IsOk);
        _bench.Caller.Put(_bench.Caller.Scratch, (ushort)PciRegs.PCI_COMMAND_MEMORY);
        Assert.True(next.Write(_bench.Caller, VfioBench.Region(7) + PciRegs.PCI_COMMAND,
                _bench.Caller.Scratch, 2).IsOk);
        write.GoOn();
        Assert.True(next.Read(_bench.Caller, VfioBench.Region(2) + 0x10, _bench.Caller.Scratch, 4).IsOk);
        Assert.Equal(0u, _bench.Caller.Get<uint>(_bench.Caller.Scratch));
        next.Close();
    }

    [Fact]
    public void AWriteUnderWayWhenItIsTakenAwayIsNotDone()
    {
        using StoppedThread write = StoppedThread.At("VfioPciDevice.IoEventfdSignalled", _counter.Listener!);
        Assert.True(Set(-1).IsOk);
        write.GoOn();
        Assert.Equal(0u, _bench.Read(2, 0x10, 4));
    }

    [Fact]
    public void OtherwiseItIsDone()
    {
        using StoppedThread write = StoppedThread.At("VfioPciDevice.IoEventfdSignalled", _counter.Listener!);
        write.GoOn();
        Assert.Equal(Value, _bench.Read(2, 0x10, 4));
    }

    private SysResult Set(int descriptor) => _bench.Ioctl(VfioH.VFIO_DEVICE_IOEVENTFD, new VfioDeviceIoeventfd
    {
        Argsz = 32,
        Flags = 4,
        Offset = VfioBench.Region(2) + 0x10,
        Data = Value,
        Fd = descriptor,
    });
}

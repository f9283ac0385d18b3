using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;
using Ioasis.Passthrough.Vdpa;
using Ioasis.Tests.Vfio;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Tests.Vdpa;

/// <summary>A machine with one vDPA device, and a program that has it open.</summary>
internal sealed class VdpaProgram : IDisposable
{
    internal const ulong Page = 4096;
    internal const long Whole = 72;
    internal const byte Update = VHOST_IOTLB_UPDATE, Invalidate = VHOST_IOTLB_INVALIDATE,
        Begin = VHOST_IOTLB_BATCH_BEGIN, End = VHOST_IOTLB_BATCH_END;

    private readonly SoftwareMachine _machine;
    private readonly HostBlock _memory;
    private NodeFile? _file;

    internal VdpaProgram(bool va = false, bool isOpen = true, bool sva = false, bool doorbells = false)
    {
        _machine = SoftwareMachine.Create(MachineDescription.Empty);
        _machine.PlugVdpa(Model, "n0", va, sva, doorbells);
        Node = (VhostVdpaNode)((VirtualDevice)_machine.Paths["/dev/vhost-vdpa-0"]).Node;
        _memory = Caller.Allocate(64 * Page);
        if (!isOpen) return;
        Open();
        Assert.Equal(Errno.None, Ioctl(VHOST_SET_OWNER));
    }

    internal TestVirtio Model { get; } = new();

    internal SoftwareMachine Machine => _machine;

    internal VhostVdpaNode Node { get; }

    internal VdpaDevice Device => Node.Device;

    internal FakeCaller Caller { get; } = new();

    internal NodeFile File => _file!;

    /// <summary>Address of memory of the program's.</summary>
    internal ulong Memory => (ulong)_memory.Address;

    internal HostBlock Block => _memory;

    internal Iommufd.TestPins Pins => (Iommufd.TestPins)Caller.Pins;

    /// <summary>The memory behind the open file.</summary>
    internal FakeCarrier Carrier { get; private set; } = new();

    internal void Open() => Assert.Equal(Errno.None, Node.Open(Carrier = new FakeCarrier(), out _file));

    internal void Close()
    {
        _file!.Close();
        _file = null;
    }

    /// <summary>A call whose argument is an address, or nothing.</summary>
    internal Errno IoctlAt(uint command, ulong address, FakeCaller? caller = null) =>
        File.Ioctl(caller ?? Caller, command, address).Errno;

    internal Errno Ioctl(uint command, FakeCaller? caller = null) => IoctlAt(command, 0, caller);

    internal Errno Ioctl<T>(uint command, T value, FakeCaller? caller = null) where T : unmanaged
    {
        caller ??= Caller;
        caller.Put(caller.Scratch, value);
        return IoctlAt(command, caller.Scratch, caller);
    }

    internal T Get<T>(uint command) where T : unmanaged
    {
        Assert.Equal(Errno.None, IoctlAt(command, Caller.Scratch));
        return Caller.Get<T>(Caller.Scratch);
    }

    internal Errno Vring(uint command, uint index, uint number, FakeCaller? caller = null) =>
        Ioctl(command, new VhostVringState { Index = index, Num = number }, caller);

    internal uint GetVring(uint command, uint index)
    {
        Assert.Equal(Errno.None, Vring(command, index, 0));
        return Caller.Get<VhostVringState>(Caller.Scratch).Num;
    }

    internal Errno SetFile(uint command, uint index, int descriptor) =>
        Ioctl(command, new VhostVringFile { Index = index, Fd = descriptor });

    internal Errno SetStatus(byte status) => Ioctl(VHOST_VDPA_SET_STATUS, status);

    /// <summary>Sets features and DRIVER_OK.</summary>
    internal void Run()
    {
        Assert.Equal(Errno.None, SetStatus(3));
        Assert.Equal(Errno.None, Ioctl(VHOST_SET_FEATURES, TestVirtio.Features));
        Assert.Equal(Errno.None, SetStatus(0xb));
        Assert.Equal(Errno.None, SetStatus(0xf));
    }

    /// <summary>Writes a message; its result, or the errno below 0.</summary>
    internal long Send(byte type, ulong iova = 0, ulong size = 0, ulong address = 0, byte perm = 3, uint asid = 0,
        uint layout = 2, int count = (int)Whole, FakeCaller? caller = null)
    {
        caller ??= Caller;
        var message = new VhostMsgV2
        {
            Type = layout,
            Asid = asid,
            Iotlb = new VhostIotlbMsg { Iova = iova, Size = size, Uaddr = address, Perm = perm, Type = type },
        };
        byte[] bytes = new byte[Math.Max(count, (int)Whole)];
        MemoryMarshal.Write(bytes, in message);
        caller.Put(caller.Scratch, bytes);
        SysResult result = File.WriteMessage(caller, caller.Scratch, (ulong)count);
        return result.IsOk ? result.Value : -(long)result.Errno;
    }

    /// <summary>Opens a port as the device does for a queue of a group.</summary>
    internal DmaPort OpenPort(int group = 0) => Device.OpenPort(group);

    public void Dispose()
    {
        _file?.Close();
        _machine.Dispose();
    }
}

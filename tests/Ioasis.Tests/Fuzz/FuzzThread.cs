using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.VfioH;
using static Ioasis.Tests.Fuzz.FuzzWorld;

namespace Ioasis.Tests.Fuzz;

/// <summary>One thread of a program that makes calls at random, mostly such that they can succeed.</summary>
internal sealed class FuzzThread : ICaller, IDisposable
{
    private const int ArgumentBytes = 512, CapIpcLock = 14;
    private readonly FuzzWorld _world;
    private readonly Random _random;
    private readonly HostBlock _argument;
    private readonly byte[] _bytes = new byte[ArgumentBytes];
    private readonly List<OpenFiles.Handle> _heldInCall = [];
    private long _calls;
    private string _name = "";
    private int _descriptor;

    internal FuzzThread(FuzzWorld world, int seed)
    {
        _world = world;
        _random = new Random(seed);
        _argument = world.Own.Allocate(Page);
    }

    public AddressSpace Memory => _world.Memory;

    /// <summary>Calls made so far.</summary>
    internal long Calls => Volatile.Read(ref _calls);

    /// <summary>Calls that succeeded.</summary>
    internal long Succeeded => Answers.Where(a => a.Key.Errno == Errno.None).Sum(a => (long)a.Value);

    /// <summary>How often each call had each answer.</summary>
    internal Dictionary<(string Name, Errno Errno), int> Answers { get; } = [];

    /// <summary>The call that is under way, or was the last: its name, its descriptor and its structure.</summary>
    internal string Doing => string.Create(
        CultureInfo.InvariantCulture,
        $"call {Calls}: {_name} of descriptor {_descriptor}, {Convert.ToHexString(_bytes.AsSpan(0, 64))}");

    public ProcessPins Pins => _world.Pins;

    public UserPins UserPins => _world.UserPins;

    public bool HasCapability(int capability) => capability != CapIpcLock; // its limit of locked memory counts

    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        if (_world.Files.Hold(descriptor) is not { } handle)
            return _world.TryGetOther(descriptor, out file) ? Errno.None : Errno.EBADF;
        _heldInCall.Add(handle);
        file = handle.File;
        return Errno.None;
    }

    public SysResult InstallFile(INode node)
    {
        if (OneIn(8)) return Errno.EMFILE;
        int descriptor = FirstHanded + _random.Next(HandedCount);
        Errno errno = _world.Files.Open(descriptor, node);
        return errno == Errno.None ? SysResult.Ok(descriptor) : errno;
    }

    public SysResult InstallQueue(QueueFile queue)
    {
        int descriptor = FirstHanded + _random.Next(HandedCount);
        if (OneIn(8))
        {
            queue.Close();
            return Errno.EMFILE;
        }

        _world.Files.Place(descriptor, queue);
        return SysResult.Ok(descriptor);
    }

    public void Dispose() => _world.Own.Free(_argument);

    /// <summary>Makes one call.</summary>
    internal void Step()
    {
        Volatile.Write(ref _calls, _calls + 1);
        _descriptor = RandomDescriptor();
        switch (_random.Next(100))
        {
            case < 2:
                _name = "open";
                if (OneIn(20) && _world.NodeOf(_descriptor) is { } node) _world.Files.Open(_descriptor, node);
                return;
            case < 4:
                _name = "close";
                if (_descriptor < FirstDevice ? OneIn(20) : _descriptor % 2 != 0 || OneIn(2))
                    _world.Files.Close(_descriptor);
                return;
            case < 6 when _descriptor is >= FirstGroup and < FirstEvent or >= FirstHanded:
                _name = "close";
                _world.Files.Close(_descriptor); // while a group is open its devices' own nodes cannot be bound
                return;
            case 6:
                _name = "munmap";
                _world.Renew(_random.Next(BlockCount));
                return;
        }

        if (_world.Files.Hold(_descriptor) is not { } handle)
        {
            _name = "open";
            if (_descriptor is >= FirstGroup and < FirstEvent && !OneIn(5)) return;
            if (_world.NodeOf(_descriptor) is { } node) _world.Files.Open(_descriptor, node);
            return;
        }

        SysResult result = _descriptor switch
        {
            >= FirstDevice and < FirstGroup when OneIn(6) => Ioctl(handle.File, CallShape.Device[0]),
            < FirstDevice => Ioctl(handle.File, CallShape.Iommufd[_random.Next(CallShape.Iommufd.Count)]),
            >= FirstGroup and < FirstEvent => Group(handle.File),
            _ => Device(handle.File),
        };
        foreach (OpenFiles.Handle held in _heldInCall) _world.Files.Release(held);
        _heldInCall.Clear();
        _world.Files.Release(handle);
        Answers.TryGetValue((_name, result.Errno), out int count);
        Answers[(_name, result.Errno)] = count + 1;
    }

    /// <summary>Reads records, or writes what may be a response to one.</summary>
    private SysResult Queue(QueueFile file)
    {
        _name = "read or write";
        ulong count = OneIn(3) ? (ulong)_random.Next(4096) : 64 * (ulong)_random.Next(8);
        return OneIn(3) ? file.Write(this, 0, Address, (ulong)file.ResponseSize) : file.Read(this, 0, Address, count);
    }

    private SysResult Device(NodeFile file) => file is QueueFile queue ? Queue(queue) : _random.Next(10) switch
    {
        0 => MapRegion(file),
        1 => Access(file, VFIO_PCI_CONFIG_REGION_INDEX, PciRegs.PCI_COMMAND, 2, OneIn(6) ? (ulong)_random.Next(8) : 6),
        2 => Access(file, (uint)_random.Next(9), (ulong)_random.Next(256), _random.Next(1, 9),
            (ulong)_random.NextInt64()),
        3 => RunCommand(file),
        _ => Ioctl(file, CallShape.Device[_random.Next(CallShape.Device.Count)]),
    };

    private SysResult MapRegion(NodeFile file)
    {
        _name = "mmap";
        return file.Map(
            (ulong)_random.Next(0, 10) << 40, Page, shared: true, readable: true, writable: true, executable: false);
    }

    /// <summary>A read or write of a region.</summary>
    private SysResult Access(NodeFile file, uint region, ulong offset, int count, ulong value)
    {
        _name = "pwrite or pread";
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes, value);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(8), (region * 0x1000_0000_0000UL) + offset);
        _argument.CopyFrom(0, _bytes);
        ulong at = ((region == 0 && !OneIn(8) ? 9UL : region) << 40) + offset;
        return OneIn(4) ? file.Read(this, at, Address, (ulong)count) : file.Write(this, at, Address, (ulong)count);
    }

    /// <summary>Lets the device move bytes by itself (docs/devices/dmatest.md).</summary>
    private SysResult RunCommand(NodeFile file)
    {
        Access(file, 0, 0x00, 8, RandomIova());
        Access(file, 0, 0x10, 4, (ulong)_random.Next(1, 4096));
        return Access(file, 0, 0x08, 4, OneIn(2) ? 1UL : 3);
    }

    private SysResult Group(NodeFile file)
    {
        switch (_random.Next(6))
        {
            case 0:
                return Raw(file, VFIO_GROUP_GET_STATUS, nameof(VFIO_GROUP_GET_STATUS), [8, 0, 0, 0, 0, 0, 0, 0]);
            case 1 or 2:
                return Raw(file, VFIO_GROUP_SET_CONTAINER, nameof(VFIO_GROUP_SET_CONTAINER),
                    BitConverter.GetBytes((int)RandomFd()));
            case 3:
                return Raw(file, VFIO_GROUP_UNSET_CONTAINER, nameof(VFIO_GROUP_UNSET_CONTAINER), []);
            default:
                string name = _world.MachineDevices[_random.Next(_world.DeviceCount)].Requester + "\0";
                return Raw(file, VFIO_GROUP_GET_DEVICE_FD, nameof(VFIO_GROUP_GET_DEVICE_FD),
                    Encoding.Latin1.GetBytes(name));
        }
    }

    private SysResult Raw(NodeFile file, uint number, string name, ReadOnlySpan<byte> bytes)
    {
        _name = name;
        bytes.CopyTo(_bytes);
        _argument.CopyFrom(0, _bytes);
        return file.Ioctl(this, number, Address);
    }

    private SysResult Ioctl(NodeFile file, CallShape shape)
    {
        _name = shape.Name;
        _bytes.AsSpan().Clear();
        foreach (CallShape.Field field in shape.Fields)
        {
            ulong value = OneIn(80) ? (ulong)_random.NextInt64(
                long.MinValue, long.MaxValue) >> _random.Next(64) : ValueOf(field.Meaning, shape);
            // the next field takes over what is too much
            BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(field.Offset), value);
        }

        if (!OneIn(4)) MakeFit(shape.Number);
        _random.NextBytes(_bytes.AsSpan(shape.Size, 16)); // what follows a SET_IRQS, say: mostly no descriptors
        if (OneIn(2))
            for (int at = shape.Size & ~3; at < shape.Size + 16;
            at += 4) if (at >= shape.Size) BitConverter.TryWriteBytes(_bytes.AsSpan(at), (int)RandomFd());
        _argument.CopyFrom(0, _bytes);
        ulong argument = shape.Size == 0 ? (ulong)_random.Next(12) : OneIn(60) ? (ulong)_random.NextInt64() : Address;
        return file.Ioctl(this, OneIn(200) ? shape.Number + 1 : shape.Number, argument);
    }

    /// <summary>Numbers that fit each other, where names say too little.</summary>
    private void MakeFit(uint number)
    {
        switch (number)
        {
            case VFIO_DEVICE_SET_IRQS:
                BitConverter.TryWriteBytes(_bytes.AsSpan(8), _random.Next(5));
                BitConverter.TryWriteBytes(_bytes.AsSpan(12), OneIn(4) ? 1 : 0);
                BitConverter.TryWriteBytes(_bytes.AsSpan(16), OneIn(4) ? _random.Next(4) : 1);
                break;
            case VFIO_DEVICE_IOEVENTFD:
                BitConverter.TryWriteBytes(_bytes.AsSpan(8), (9UL << 40) + (4 * (ulong)_random.Next(4)));
                break;
            case IommufdH.IOMMU_HWPT_ALLOC:
                bool nested = OneIn(4);
                BitConverter.TryWriteBytes(
                    _bytes.AsSpan(24), nested ? IommufdH.IOMMU_HWPT_DATA_VTD_S1 : IommufdH.IOMMU_HWPT_DATA_NONE);
                BitConverter.TryWriteBytes(_bytes.AsSpan(28), nested ? 24 : 0);
                break;
            case IommufdH.IOMMU_OPTION:
                BitConverter.TryWriteBytes(_bytes.AsSpan(4), 1);
                break;
        }
    }

    private ulong ValueOf(CallShape.Meaning meaning, CallShape shape) => meaning switch
    {
        CallShape.Meaning.Size =>
            OneIn(50) ? (ulong)_random.Next(200) : (ulong)shape.Size + (shape.Number == VFIO_DEVICE_SET_IRQS ? 16u : 0),
        CallShape.Meaning.Reserved => OneIn(50) ? 1u : 0,
        CallShape.Meaning.IoasId => IdOf<IommufdIoas>(),
        CallShape.Meaning.HwptId => IdOf<IommufdHwpt>(),
        CallShape.Meaning.DeviceId => IdOf<IommufdDevice>(),
        CallShape.Meaning.FaultId => IdOf<IommufdFaultQueue>(),
        CallShape.Meaning.Id => OneIn(6)
            ? (ulong)_random.Next(1, 9)
            : OneIn(3) ? IdOf<IommufdObject>() : OneIn(2) ? IdOf<IommufdHwpt>() : IdOf<IommufdIoas>(),
        CallShape.Meaning.Descriptor => shape.Number == VFIO_DEVICE_BIND_IOMMUFD
            && !OneIn(8) ? FirstContext : shape.Number == VFIO_DEVICE_IOEVENTFD && !OneIn(8) ? FirstEvent : RandomFd(),
        CallShape.Meaning.Flags => OneIn(20) ? (ulong)_random.Next(64) : shape.Flags[_random.Next(shape.Flags.Count)],
        CallShape.Meaning.Address => RandomAddress(),
        CallShape.Meaning.Iova => RandomIova(),
        CallShape.Meaning.Length =>
            OneIn(20) ? ulong.MaxValue : OneIn(6) ? 16 * Page : Page * (ulong)(OneIn(3) ? _random.Next(1, 5) : 1),
        _ => OneIn(8) ? Page : OneIn(3) ? (ulong)_random.Next(6) : 0,
    };

    private ulong IdOf<T>() where T : IommufdObject =>
        OneIn(12) ? (ulong)_random.Next(1, 9) : _world.IdOf<T>(_random) ?? (ulong)_random.Next(1, 9);

    private ulong Address => (ulong)_argument.Address;

    private bool OneIn(int count) => _random.Next(count) == 0;

    private ulong RandomIova() => OneIn(40) ? 0xfee0_0000 : (ulong)_random.Next(12) * Page;

    private ulong RandomAddress() => OneIn(20) ? (ulong)_random.Next(3) * Page
        : (ulong)_world.Block(_random.Next(BlockCount)).Address
        + (OneIn(30) ? (ulong)_random.Next(4096) : Page * (ulong)_random.Next(BlockPages));

    private int RandomDescriptor() => _random.Next(20) switch
    {
        < 10 => FirstContext + (OneIn(4) ? 1 : 0),
        < 16 => FirstDevice + (_random.Next(_world.DeviceCount) * FilesPerDevice) + (OneIn(6) ? 1 : 0),
        < 18 => FirstGroup + _random.Next(2),
        _ => FirstHanded + _random.Next(HandedCount),
    };

    private ulong RandomFd() => _random.Next(10) switch
    {
        < 5 => FirstContext + (OneIn(4) ? 1u : 0),
        < 7 => FirstEvent + (uint)_random.Next(EventCount),
        7 => MemoryFile,
        8 => NullFile,
        _ => OneIn(2) ? uint.MaxValue : (uint)RandomDescriptor(),
    };
}

namespace Ioasis.Devices;

/// <summary>
/// A device for testing DMA, 1234:11e9. A command copies between memory and a buffer of the device, reports the result,
/// and raises the requested interrupt. The device has four channels, PASIDs, ATS and PRI, and can have virtual
/// functions, 1234:11ea. Channels can be mdevs of the type dmatest-1ch. See docs/devices/dmatest.md.
/// </summary>
public sealed class DmaTestDevice : PciDeviceModel, IMdevParent
{
    internal const int BufferSize = 4096;
    internal const uint NoVector = 0xffffffff;
    internal const int MaxVirtualFunctions = 64;

    /// <summary>Mask of a page request group index: 9 bits (PCI Express Base, 10.4.1).</summary>
    internal const uint GroupMask = 0x1ff;

    internal const int ChannelCount = 4;
    private static readonly DmaTestRegisters[] s_registers = Registers(0),
        s_askingRegisters = Registers(DmaTestChannel.UsePri);
    private readonly DmaTestRegisters[] _registers;
    private readonly int _mdevs;
    private DmaTestChannel[] _channels = [];

    private static PciFunction Describe(DmaTestRegisters[] registers) => new()
    {
        VendorId = 0x1234,
        DeviceId = 0x11ea,
        IsVirtual = true,
        ClassCode = 0x00ff00,
        MsiVectors = 1,
        Msix = new MsixLayout(Vectors: 4, Bar: 4, TableOffset: 0, PendingOffset: 0x800),
        PasidBits = 20,
        PasidExecute = true,
        PasidPrivileged = true,
        HasAts = true,
        PageRequests = 32,
        Bars =
        [
            new Bar
            {
                Index = DmaTestRegisters.Bar,
                Size = 4096,
                Is64Bit = true,
                Registers = [.. registers.SelectMany(r => r.All)],
            },
            new Bar { Index = 2, Size = BufferSize, Is64Bit = true, IsMemory = true },
            new Bar { Index = 4, Size = 4096, Is64Bit = true, UnclaimedByte = 0 },
        ],
    };

    /// <summary>Makes the model.</summary>
    /// <param name="virtualFunctions">Number of virtual functions that it can have (SR-IOV). Each is a device of the
    /// same kind.</param>
    /// <param name="pageRequests">Whether it requests pages right after a reset, without being told to.</param>
    /// <param name="mdevs">Number of channels that can be mdevs, 0 to 4: the highest.</param>
    public DmaTestDevice(int virtualFunctions = 0, bool pageRequests = false, int mdevs = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(mdevs);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mdevs, ChannelCount);
        _mdevs = mdevs;
        _registers = pageRequests ? s_askingRegisters : s_registers;
        PciFunction function = Describe(_registers);
        Function = function with
        {
            DeviceId = 0x11e9,
            IsVirtual = false,
            Sriov = virtualFunctions == 0 ? null : new SriovLayout(virtualFunctions, function),
        };
        MdevTypes = mdevs == 0 ? [] : [new DmaTestChannelType(this)];
    }

    private DmaTestDevice(DmaTestRegisters[] registers, PciFunction function)
    {
        _registers = registers;
        Function = function;
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    /// <inheritdoc/>
    public IReadOnlyList<MdevType> MdevTypes { get; } = [];

    /// <summary>Number of channels that mdevs can have and none has.</summary>
    internal int FreeChannels => ChannelsOfMdevs.Count(channel => !channel.IsLent);

    private IEnumerable<DmaTestChannel> ChannelsOfMdevs => _channels.TakeLast(_mdevs);

    /// <summary>What a subdevice with one channel is.</summary>
    internal PciFunction SubdeviceFunction => Describe(_registers[..1]) with
    {
        DeviceId = 0x11eb,
        IsVirtual = false,
    };

    /// <summary>Registers of a subdevice's channel, which are at 0.</summary>
    internal DmaTestRegisters SubdeviceRegisters => _registers[0];

    /// <inheritdoc/>
    public override PciDeviceModel CreateVirtualFunction() =>
        new DmaTestDevice(_registers, Function.Sriov!.VirtualFunction);

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) =>
        _channels = [.. _registers.Select((registers, number) => new DmaTestChannel(number, registers, slot))];

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value)
    {
        ArgumentNullException.ThrowIfNull(register);
        _channels[register.Offset / DmaTestRegisters.BlockSize].Ring(register, value);
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        foreach (DmaTestChannel channel in _channels) channel.Reset();
    }

    /// <inheritdoc/>
    public override void Unplug()
    {
        foreach (DmaTestChannel channel in _channels) channel.Unplug();
    }

    /// <summary>Takes a channel that runs no command, the highest first; null if there is none.</summary>
    internal DmaTestChannel? TakeChannel()
    {
        for (int number = _channels.Length - 1; number >= ChannelCount - _mdevs; number--)
            if (_channels[number].TryLend()) return _channels[number];
        return null;
    }

    private static DmaTestRegisters[] Registers(uint features)
    {
        var registers = new DmaTestRegisters[ChannelCount];
        for (int n = 0; n < registers.Length; n++) registers[n] = new DmaTestRegisters(n, features);
        return registers;
    }
}

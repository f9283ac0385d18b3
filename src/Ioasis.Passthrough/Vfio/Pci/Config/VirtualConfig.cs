using System.Buffers.Binary;
using Ioasis.Devices;
using static Ioasis.Abi.PciRegs;

namespace Ioasis.Passthrough.Vfio.Pci.Config;

/// <summary>
/// Configuration space as a program sees it through VFIO (Linux: vfio_pci_config.c): some bits are the function's own,
/// some are virtual, some writes have an effect. Its owner calls it under one lock.
/// </summary>
internal sealed class VirtualConfig
{
    private readonly PciConfig _hardware;
    private readonly ConfigPermissions _permissions;
    private readonly IConfigOwner _owner;
    private readonly PciFunction _function;
    private readonly byte[] _bytes;
    private bool _barsDirty;
    private bool _intxDisabled;

    internal VirtualConfig(PciConfig hardware, PciFunction function, IConfigOwner owner)
    {
        _hardware = hardware;
        _permissions = new ConfigPermissions(hardware);
        _function = function;
        _owner = owner;
        _bytes = new byte[hardware.Size];
    }

    internal int Size => _bytes.Length;

    /// <summary>
    /// Whether the function's BARs answer. Those of a virtual one do whatever the program has set: the physical one
    /// enabled them.
    /// </summary>
    internal bool MemoryEnabled =>
        _function.IsVirtual || (Word(PCI_COMMAND) & _hardware.Read(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) != 0;

    /// <summary>All virtual bits become the function's (Linux: vfio_config_init).</summary>
    internal void Open()
    {
        _hardware.CopyTo(_bytes);
        HidePasid();
        if (_function.IsVirtual)
        {
            SetWord(PCI_VENDOR_ID, _function.VendorId);
            SetWord(PCI_DEVICE_ID, _function.DeviceId);
            SetWord(PCI_COMMAND, PCI_COMMAND_MEMORY);
        }

        _barsDirty = true;
        _intxDisabled = false;
    }

    /// <summary>
    /// The PASID capability, the last one, is taken out of the list; alone in it, it leaves an empty list.
    /// </summary>
    private void HidePasid()
    {
        PciConfigLayout layout = _hardware.Layout;
        if (layout.Pasid == 0) return;
        int before = layout.Sriov != 0 ? layout.Sriov : layout.Pri != 0 ? layout.Pri : layout.Ats;
        if (before == 0) BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(layout.Pasid), 0);
        else SetWord(before + 2, (ushort)(Word(before + 2) & 0xf));
    }

    /// <summary>
    /// How many of <paramref name="count"/> bytes are read or written in one access: aligned, and of one capability.
    /// </summary>
    internal int Chunk(int position, int count)
    {
        int same = 1;
        while ((position + same) % 4 != 0 && _permissions.Kind(position + same) == _permissions.Kind(position)) same++;
        count = Math.Min(count, same);
        return count >= 4 && position % 4 == 0 ? 4 : count >= 2 && position % 2 == 0 ? 2 : 1;
    }

    internal uint Read(int position, int count)
    {
        if (_permissions.Kind(position) == ConfigPermissions.Header && IsBar(position)) FixBars();
        uint isVirtual = _permissions.Virtual(position, count);
        uint value = (Own(position, count) & isVirtual) | (Hardware(position, count) & ~isVirtual);
        return _function.IsVirtual
            && position == PCI_COMMAND ? value | (Word(PCI_COMMAND) & (uint)PCI_COMMAND_MEMORY) : value;
    }

    internal void Write(int position, int count, uint value)
    {
        switch (_permissions.Kind(position))
        {
            case ConfigPermissions.Header:
                WriteHeader(position, count, value);
                break;
            case PCI_CAP_ID_PM:
                WriteThrough(position, count, value);
                if (position == _hardware.Layout.PowerManagement + PCI_PM_CTRL)
                    _owner.SetPowerState((int)(value & PCI_PM_CTRL_STATE_MASK));
                break;
            case PCI_CAP_ID_MSI:
                WriteMsi(position, count, value);
                break;
            case PCI_CAP_ID_EXP:
                WriteExpress(position, count, value);
                break;
            case PCI_CAP_ID_VNDR:
            case ConfigPermissions.Unassigned:
                WriteThrough(position, count, value);
                break;
        }
    }

    private static bool IsBar(int position) => position is (>= PCI_BASE_ADDRESS_0 and < PCI_BASE_ADDRESS_5 + 4)
        or (>= PCI_ROM_ADDRESS and < PCI_ROM_ADDRESS + 4);

    private void WriteHeader(int position, int count, uint value)
    {
        WriteThrough(position, count, value);
        if (position == PCI_COMMAND)
        {
            const ushort decoding = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
            SetWord(PCI_COMMAND, (ushort)((Word(PCI_COMMAND) & ~(uint)decoding) | (value & decoding)));
            _owner.CommandWritten();
        }

        if (position is PCI_COMMAND or PCI_COMMAND + 1)
        {
            bool disabled = (Word(PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) != 0;
            if (disabled != _intxDisabled) _owner.SetIntxDisabled(_intxDisabled = disabled);
        }

        if (IsBar(position)) _barsDirty = true;
    }

    private void WriteMsi(int position, int count, uint value)
    {
        WriteThrough(position, count, value);
        int at = _hardware.Layout.Msi, offset = position - at;
        if (offset > PCI_MSI_FLAGS || offset + count < PCI_MSI_FLAGS) return;
        ushort flags = Word(at + PCI_MSI_FLAGS);
        if (!_owner.MsiEnabled) flags = (ushort)(flags & ~PCI_MSI_FLAGS_ENABLE); // SET_IRQS does that
        if ((flags & PCI_MSI_FLAGS_QSIZE) >> 4 > _owner.MsiQueueMax)
            flags = (ushort)((flags & ~PCI_MSI_FLAGS_QSIZE) | (_owner.MsiQueueMax << 4));
        SetWord(at + PCI_MSI_FLAGS, flags);
    }

    private void WriteExpress(int position, int count, uint value)
    {
        WriteThrough(position, count, value);
        int control = _hardware.Layout.Express + PCI_EXP_DEVCTL;
        if ((Word(control) & PCI_EXP_DEVCTL_BCR_FLR) == 0) return;
        SetWord(control, (ushort)(Word(control) & ~PCI_EXP_DEVCTL_BCR_FLR)); // always reads 0
        _owner.FunctionLevelReset();
    }

    private void WriteThrough(int position, int count, uint value)
    {
        uint writable = _permissions.Writable(position, count), isVirtual = _permissions.Virtual(position, count);
        uint own = writable & isVirtual, hardware = writable & ~isVirtual;
        if (own != 0)
        {
            uint merged = (Own(position, count) & ~own) | (value & own);
            for (int i = 0; i < count; i++) _bytes[position + i] = (byte)(merged >> (i * 8));
        }

        if (hardware != 0)
            _hardware.Write(position, count, (_hardware.Read(position, count) & ~hardware) | (value & hardware));
    }

    /// <summary>
    /// Makes the virtual BARs read as a function's do: address bits below the size are 0, the kind stands in the lowest
    /// ones.
    /// </summary>
    private void FixBars()
    {
        if (!_barsDirty) return;
        for (int index = 0; index < PCI_STD_NUM_BARS; index++)
        {
            Span<byte> low = _bytes.AsSpan(PCI_BASE_ADDRESS_0 + (index * 4));
            Bar? bar = _function.Bars.FirstOrDefault(b => b.Index == index);
            if (bar is null)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(low, 0);
                continue;
            }

            ulong mask = ~(bar.Size - 1);
            BinaryPrimitives.WriteUInt32LittleEndian(
                low, (BinaryPrimitives.ReadUInt32LittleEndian(low) & (uint)mask) | PciConfigBuilder.BarFlags(bar));
            if (!bar.Is64Bit) continue;
            BinaryPrimitives.WriteUInt32LittleEndian(
                low[4..], BinaryPrimitives.ReadUInt32LittleEndian(low[4..]) & (uint)(mask >> 32));
            index++;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(PCI_ROM_ADDRESS), 0);
        _barsDirty = false;
    }

    private uint Hardware(int position, int count)
    {
        uint value = _hardware.Read(position, count);
        int status = PCI_STATUS - position;
        if (status >= 0 && status < count && _owner.LineAsserted) value |= (uint)PCI_STATUS_INTERRUPT << (status * 8);
        return value;
    }

    private uint Own(int position, int count)
    {
        uint value = 0;
        for (int i = 0; i < count; i++) value |= (uint)_bytes[position + i] << (i * 8);
        return value;
    }

    private ushort Word(int position) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(position));

    private void SetWord(int position, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(position), value);
}

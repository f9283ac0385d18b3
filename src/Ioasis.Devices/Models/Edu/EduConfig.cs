using System.Buffers.Binary;

namespace Ioasis.Devices.Edu;

/// <summary>
/// The configuration space of an edu that is an mdev: the identity, a BAR of 1 MiB, INTx, and a capability for one
/// 64-bit MSI. It survives a reset, as that of a function does (Linux: pci_restore_state).
/// </summary>
internal sealed class EduConfig
{
    internal const ushort VendorId = 0x1234, DeviceId = 0x11e8, SubsystemVendorId = 0x1af4, SubsystemId = 0x1100;
    internal const byte Revision = 0x10;
    internal const uint ClassCode = 0x00ff00;
    internal const ulong BarSize = 1 << 20;
    internal const int Size = 256;

    // Offsets and bits are those of linux/pci_regs.h.
    private const int Command = 0x04, BusMaster = 4;
    private const int Bar0 = 0x10, Capabilities = 0x34, InterruptLine = 0x3c, InterruptPin = 0x3d, Msi = 0x40;
    private const ushort CommandBits = 0x0546; // memory, bus master, parity, SERR, INTx off
    private const byte HasCapabilities = 0x10, MsiCapability = 5, MsiIs64Bit = 0x80, MsiEnable = 1;

    private readonly byte[] _bytes = new byte[Size];
    private readonly byte[] _writable = new byte[Size]; // the bits that a program can change

    internal EduConfig()
    {
        Put(0x00, VendorId);
        Put(0x02, DeviceId);
        Put(0x06, HasCapabilities);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(0x08), (ClassCode << 8) | Revision);
        Put(0x2c, SubsystemVendorId);
        Put(0x2e, SubsystemId);
        _bytes[Capabilities] = Msi;
        _bytes[InterruptPin] = 1;
        _bytes[Msi] = MsiCapability;
        _bytes[Msi + 2] = MsiIs64Bit;
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(Command), CommandBits);
        BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(Bar0), unchecked((uint)-(int)BarSize));
        _writable[InterruptLine] = 0xff;
        _writable[Msi + 2] = MsiEnable;
        _writable.AsSpan(Msi + 4, 10).Fill(0xff); // address and data
        _writable[Msi + 4] = 0xfc;
    }

    /// <summary>Whether the mdev may send requests and messages.</summary>
    internal bool IsBusMaster => (Volatile.Read(ref _bytes[Command]) & BusMaster) != 0;

    internal uint Read(int offset, int width)
    {
        uint value = 0;
        for (int i = 0; i < width; i++) value |= (uint)_bytes[offset + i] << (8 * i);
        return value;
    }

    internal void Write(int offset, int width, uint value)
    {
        for (int i = 0; i < width; i++)
        {
            ref byte at = ref _bytes[offset + i];
            byte writable = _writable[offset + i];
            Volatile.Write(ref at, (byte)((at & ~writable) | ((byte)(value >> (8 * i)) & writable)));
        }
    }

    private void Put(int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(offset), value);
}

using System.Buffers.Binary;

namespace Ioasis.Passthrough.Vfio.Pci.Config;

/// <summary>
/// The configuration space of a function as the function itself has it, below what VFIO makes of it: its bytes, and
/// which bits a write changes. What is not described reads 0 and ignores writes.
/// </summary>
internal sealed class PciConfig
{
    private readonly byte[] _initial;
    private readonly byte[] _bytes;
    private readonly byte[] _writable;

    internal PciConfig(byte[] initial, byte[] writable, PciConfigLayout layout)
    {
        _initial = initial;
        _writable = writable;
        _bytes = (byte[])initial.Clone();
        Layout = layout;
    }

    internal PciConfigLayout Layout { get; }

    internal int Size => _bytes.Length;

    /// <summary>All bytes give up what was written to them.</summary>
    internal void Reset() => _initial.CopyTo(_bytes, 0);

    internal uint Read(int position, int count)
    {
        uint value = 0;
        for (int i = 0; i < count; i++) value |= (uint)_bytes[position + i] << (i * 8);
        return value;
    }

    internal void Write(int position, int count, uint value)
    {
        for (int i = 0; i < count; i++)
        {
            byte mask = _writable[position + i];
            _bytes[position + i] = (byte)((_bytes[position + i] & ~mask) | ((byte)(value >> (i * 8)) & mask));
        }
    }

    /// <summary>Sets bits that no write of a driver reaches.</summary>
    internal void Set16(int position, ushort clear, ushort set)
    {
        Span<byte> word = _bytes.AsSpan(position, 2);
        BinaryPrimitives.WriteUInt16LittleEndian(
            word, (ushort)((BinaryPrimitives.ReadUInt16LittleEndian(word) & ~clear) | set));
    }

    internal void CopyTo(Span<byte> destination) => _bytes.CopyTo(destination);
}

/// <summary>Where a function's capabilities are; 0 for one that it has not.</summary>
internal sealed record PciConfigLayout
{
    /// <summary>Bytes of a window to the BARs.</summary>
    internal const int WindowBar = 4, WindowOffset = 8, WindowLength = 12, WindowData = 16;

    internal int PowerManagement { get; init; }
    internal int Msi { get; init; }
    internal int Msix { get; init; }
    internal int Express { get; init; }
    internal int Ats { get; init; }
    internal int Pri { get; init; }
    internal int Pasid { get; init; }
    internal int Sriov { get; init; }

    /// <summary>Where the vendor-specific ones are, and how many bytes they have.</summary>
    internal (int At, int Length)[] Vendor { get; init; } = [];

    /// <summary>The one of them that is a window to the BARs.</summary>
    internal int Window { get; init; }
}

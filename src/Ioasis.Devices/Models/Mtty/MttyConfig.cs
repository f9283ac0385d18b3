using System.Buffers.Binary;

namespace Ioasis.Devices.Mtty;

/// <summary>
/// Configuration space: a serial adapter of WCH with an I/O BAR of 8 bytes for each port. What a program writes changes
/// the BARs and the interrupt line only.
/// </summary>
internal sealed class MttyConfig
{
    internal const int Size = 255; // what the sample says; its last byte cannot be reached

    private const int Bar0 = 0x10, Bar1 = 0x14, BarsEnd = 0x28, InterruptLine = 0x3c;
    private const uint IsIo = 1;
    private const uint BarMask = unchecked((uint)-MttyPort.Registers);

    private readonly byte[] _bytes = new byte[Size + 1];
    private readonly int _ports;

    internal MttyConfig(int ports)
    {
        _ports = ports;
        ReadOnlySpan<byte> identity =
        [
            0x48, 0x43, 0x53, 0x32, // 4348:3253
            0x01, 0x00, 0x00, 0x02, // I/O decoding is on, and stays on; medium DEVSEL timing
            0x10, 0x02, 0x00, 0x07, // revision; a serial controller with 16550s
        ];
        identity.CopyTo(_bytes);
        identity[..4].CopyTo(_bytes.AsSpan(0x2c)); // the subsystem
        for (int port = 0; port < ports; port++) _bytes[Bar0 + (4 * port)] = (byte)IsIo;
        _bytes[InterruptLine + 1] = 1; // pin A
    }

    internal byte Read(int offset) => _bytes[offset];

    internal void Write(int offset, int width, uint value)
    {
        if (offset == InterruptLine) _bytes[InterruptLine] = (byte)value;
        if (offset is < Bar0 or >= BarsEnd || width != 4) return;
        bool isPort = offset == Bar0 || (offset == Bar1 && _ports == 2);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), isPort ? (value & BarMask) | IsIo : 0);
    }
}

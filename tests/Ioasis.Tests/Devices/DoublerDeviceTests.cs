using Ioasis.Examples;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

/// <summary>The example of docs/devices/your-own.md does what it says.</summary>
public sealed class DoublerDeviceTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ItDoublesANumberAndRaisesItsInterrupt(bool mapped)
    {
        using var bench = new SlotBench(new DoublerDevice());
        (_, HostBlock block) = bench.Map(0x1000, 0x1000, 0);
        HostBlock? bar = mapped ? bench.MapBar(0) : null;
        block.Write(8, 21ul);
        for (int i = 1; i <= 3; i++)
        {
            Write(0x00, 8, 0x1008);
            Write(0x08, 4, 1);
            SlotBench.Until(() => bench.Messages == i);
            Assert.Equal(1u, bench.Slot.Read(0, 0x0c, 4));
            Assert.Equal(21ul << i, block.Read<ulong>(8));
        }

        Write(0x00, 8, 0x9000);
        Write(0x08, 4, 1);
        SlotBench.Until(() => bench.Messages == 4);
        Assert.Equal(2u, bench.Slot.Read(0, 0x0c, 4));

        void Write(ulong offset, int width, ulong value)
        {
            if (bar is null) bench.Slot.Write(0, offset, width, value);
            else if (width == 8) bar.Write(offset, value);
            else bar.Write(offset, (uint)value);
        }
    }
}

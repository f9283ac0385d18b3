using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.Drivers;

/// <summary>A driver in user space: a function's registers, interrupts and DMA, whichever transport it has.</summary>
public sealed class FunctionTests : UapiTest
{
    private const uint Start = 1, ToDevice = 2; // commands of a dmatest
    private const uint Done = 1, Fault = 2; // its status
    private const uint NotMapped = 2; // its reason
    private readonly List<DriverBar> _bars = [];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_device_reads_and_writes_exactly_the_arrays_that_are_mapped(bool bounces)
    {
        using VfioFunction function = Open(new DmaDeviceOptions { BouncesAlways = bounces });
        foreach ((int offset, int length) in ((int, int)[])[(0, 4096), (1, 1), (100, 64), (4095, 2), (5000, 3000)])
        {
            byte[] source = Pattern(12288, length), destination = Pattern(12288, length + 1);
            byte[] expected = [.. destination];
            source.AsSpan(offset, length).CopyTo(expected.AsSpan(offset));
            using (DmaMapping mapping = Map(function, source.AsMemory(offset, length), DmaDirection.ToDevice))
                Assert.Equal((Done, 0u), Run(function, mapping.Address, (uint)length, ToDevice));
            using (DmaMapping mapping = Map(function, destination.AsMemory(offset, length), DmaDirection.FromDevice))
                Assert.Equal((Done, 0u), Run(function, mapping.Address, (uint)length, 0));
            Assert.Equal(expected, destination);
        }

        Close(function);
    }

    [Fact]
    public void Coherent_memory_is_shared_as_long_as_it_lives()
    {
        using VfioFunction function = Open();
        Assert.Equal(IommuStatus.Ok, function.Dma.AllocateCoherent(10000, out DmaBuffer? buffer));
        Iova at = new(buffer!.Address.Value + 9000);
        buffer.Bytes.Write(9000, 0x0123456789abcdefUL);
        Assert.Equal((Done, 0u), Run(function, at, 8, ToDevice));
        buffer.Bytes.Write(9000, 0UL);
        Assert.Equal((Done, 0u), Run(function, at, 8, 0));
        Assert.Equal(0x0123456789abcdefUL, buffer.Bytes.Read<ulong>(9000));
        buffer.Dispose();
        Assert.Equal((Fault, NotMapped), Run(function, at, 8, 0));
        Close(function);
    }

    [Fact]
    public void Addresses_lie_in_the_ranges_of_the_IOAS_and_below_the_mask()
    {
        using VfioFunction function = Open();
        IReadOnlyList<IovaRange> ranges = function.Space.Ioas.GetIovaRanges();
        foreach (int bits in (int[])[32, 30, 24])
        {
            Assert.Equal(IommuStatus.Ok, function.Dma.SetMaskAndCoherent(bits));
            Assert.Equal(IommuStatus.Ok, function.Dma.AllocateCoherent(3 * Page, out DmaBuffer? buffer));
            var range = new IovaRange(buffer!.Address.Value, buffer.Address.Value + (3 * Page) - 1);
            Assert.Contains(ranges, r => r.Contains(range));
            Assert.InRange(range.Last, 3 * Page, (1UL << bits) - 1);
            buffer.Dispose();
        }

        Close(function);
    }

    [Fact]
    public void An_interrupt_wakes_the_thread_that_waits_for_its_vector()
    {
        using VfioFunction function = Open();
        DmaMapping mapping = Map(function, new byte[8], DmaDirection.ToDevice);
        DriverBar registers = Bar(function, 0);
        for (int round = 0; round < 2; round++) // and again, once it was disconnected
        {
            using DriverInterrupt first = function.OpenInterrupt(1), second = function.OpenInterrupt(2);
            foreach ((uint vector, DriverInterrupt raised) in ((uint, DriverInterrupt)[])[(2, second), (1, first)])
            {
                registers.Write(0x1c, vector);
                Assert.Equal((Done, 0u), Run(function, mapping.Address, 8, ToDevice));
                Assert.Equal(1UL, raised.Wait(Patience));
                Assert.Equal(0UL, first.Wait(TimeSpan.Zero));
                Assert.Equal(0UL, second.Wait(TimeSpan.Zero));
            }

            first.Signal();
            Assert.Equal(1UL, first.Wait(Patience));
        }

        mapping.Dispose();
        Close(function);
    }

    [Fact]
    public void Functions_in_one_space_reach_the_same_memory_and_lose_it_together()
    {
        using VfioFunction function = Open();
        using (VfioFunction mdev = VfioFunction.Open(function.Space, MdevNode.Path))
        {
            mdev.EnableBusMaster(true);
            byte[] bytes = Pattern(100, 1);
            DmaMapping mapping = Map(function, bytes, DmaDirection.Bidirectional);
            Iova address = mapping.Address;
            Assert.Equal((Done, 0u), Run(mdev, address, 100, ToDevice));
            Assert.Equal((Done, 0u), Run(function, address, 100, 0));
            mapping.Dispose();
            Assert.Equal((Fault, NotMapped), Run(mdev, address, 100, ToDevice));
            Assert.Equal((Fault, NotMapped), Run(function, address, 100, ToDevice));
            _bars.ForEach(bar => bar.Dispose());
            _bars.Clear();
        }

        Close(function);
    }

    [Fact]
    public void A_reset_keeps_mappings_and_a_function_that_is_given_back_can_be_taken_again()
    {
        using (VfioFunction function = Open())
        {
            DmaMapping mapping = Map(function, new byte[8], DmaDirection.ToDevice);
            Assert.Equal(IommuStatus.Ok, function.Reset());
            Assert.Equal((Done, 0u), Run(function, mapping.Address, 8, ToDevice));
            mapping.Dispose();
            Close(function);
        }

        VfioFunction forgetful = Open();
        _ = Map(forgetful, new byte[8], DmaDirection.ToDevice);
        Assert.Contains("left 1 mapping", Assert.Throws<InvalidOperationException>(forgetful.Dispose).Message,
            StringComparison.Ordinal);
        using VfioFunction again = Open();
        Assert.Equal(0, again.Dma.Live);
    }

    private static DmaMapping Map(DriverFunction function, Memory<byte> memory, DmaDirection direction)
    {
        Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, direction, out DmaMapping mapping));
        return mapping;
    }

    private VfioFunction Open(DmaDeviceOptions? options = null)
    {
        VfioFunction function = VfioFunction.Open(Nodes, DmatestNode.Requester, options);
        function.EnableBusMaster(true);
        return function;
    }

    private void Close(VfioFunction function)
    {
        _bars.ForEach(bar => bar.Dispose());
        _bars.Clear();
        Assert.Equal(0, function.Dma.Live);
    }

    private DriverBar Bar(DriverFunction function, int index)
    {
        DriverBar bar = function.OpenBar(index);
        _bars.Add(bar);
        return bar;
    }

    private (uint Status, uint Reason) Run(DriverFunction function, Iova at, uint length, uint direction)
    {
        using DriverBar registers = function.OpenBar(0);
        registers.Write(0x00, at.Value);
        registers.Write(0x10, length);
        registers.Write(0x08, Start | direction);
        Until(() => (registers.Read<uint>(0x08) & Start) == 0, "dmatest ends its DMA");
        return (registers.Read<uint>(0x14), registers.Read<uint>(0x18));
    }
}

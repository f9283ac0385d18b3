using System.Numerics;
using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Examples.Dsa;
using Ioasis.Memory;

namespace Ioasis.Tests.Drivers;

/// <summary>The DSA driver of the examples, in user space and inside the host.</summary>
public sealed class DsaDriverTests
{
    private const string Device = $"dsa@{FunctionRig.Address}";
    private const int Page = 4096;

    public static TheoryData<DriverHome> Homes =>
        [.. Enum.GetValues<DriverHome>().Where(home => home != DriverHome.Mdev)];

    /// <summary>Homes where the driver chooses I/O addresses and links memory to them.</summary>
    public static TheoryData<DriverHome> LinkingHomes => [DriverHome.Vfio, DriverHome.Host, DriverHome.HostLazy];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Homes))]
    public async Task All_queues_do_what_they_are_told_while_the_device_is_reset(DriverHome home)
    {
        using var rig = new Rig(home);
        var run = new VerifyRun(rig.Device, rig.Nodes, block: 6000, depth: 6);
        Assert.Null(await run.Run(1 << 20, userQueues: 2, resets: 4));
        Assert.InRange(rig.Device.Resets, 1, 8);
        Assert.Equal(3 * 6 * ((1 << 20) / 6000 / 6), run.Done);
    }

    /// <summary>An mdev has one queue, which the host has configured, and no PASIDs.</summary>
    [Fact]
    public async Task An_mdev_has_the_drivers_queue_alone()
    {
        using var rig = new FunctionRig(DriverHome.Mdev, "dsa-1dwq-v1", $"{Device},mdevs=1");
        using var device = new DsaAccelerator(rig.Function);
        Assert.Null(device.Queue.Pasid);
        Assert.Equal((16, 0), (device.Queue.Entries, device.MostUserQueues));
        Assert.Equal(IommuStatus.NotSupported, device.OpenUserQueue(rig.Nodes, out _));
        var run = new VerifyRun(device, rig.Nodes, block: 6000, depth: 6);
        Assert.Null(await run.Run(1 << 20, userQueues: 0, resets: 4));
        Assert.InRange(device.Resets, 1, 8);
    }

    [Theory, MemberData(nameof(Homes))]
    public async Task The_drivers_queue_has_the_dma_apis_addresses_and_a_user_queue_has_pointers(DriverHome home)
    {
        using var rig = new Rig(home);
        Assert.Equal(IommuStatus.Ok, rig.Device.OpenUserQueue(rig.Nodes, out DsaQueue? user));
        Assert.NotNull(rig.Device.Queue.Pasid);
        Assert.NotNull(user!.Pasid);
        Assert.NotEqual(user.Pasid, rig.Device.Queue.Pasid);
        Assert.Equal(IommuStatus.Ok, rig.Function.Dma.AllocateCoherent(2 * Page, out DmaBuffer? buffer));
        using UserMemory memory = rig.Nodes.Allocate(2 * Page);
        var pointer = new Iova(memory.Address.Value);
        Iova mapped = buffer!.Address;

        memory.Write(8, 0x1122334455667788UL);
        buffer.Bytes.Write(8, 0x8877665544332211UL);
        Assert.Equal(DsaStatus.Success, (await user.RunAsync(Second(pointer), Stop)).Status);
        Assert.Equal(DsaStatus.Success, (await rig.Device.Queue.RunAsync(Second(mapped), Stop)).Status);
        Assert.Equal(0x1122334455667788UL, memory.Read<ulong>(Page + 8));
        Assert.Equal(0x8877665544332211UL, buffer.Bytes.Read<ulong>(Page + 8));
        if (home != DriverHome.HostIdentity)
        {
            DsaResult stray = await rig.Device.Queue.RunAsync(Second(pointer), Stop);
            Assert.Equal((DsaStatus.PageFault, 0u, pointer.Value), (stray.Status, stray.Bytes, stray.FaultAddress));
        }

        DsaResult other = await user.RunAsync(Second(mapped), Stop);
        Assert.Equal(DsaStatus.PageFault, other.Status);
        buffer.Dispose();
        rig.Function.Dma.Space.Flush();
        if (home != DriverHome.HostIdentity)
            Assert.Equal(DsaStatus.PageFault, rig.Device.Queue.Run(Second(mapped)).Status);

        static DsaDescriptor Second(Iova first) =>
            DsaDescriptor.Move(first, new Iova(first.Value + Page), Page);
    }

    [Theory, MemberData(nameof(Homes))]
    public async Task A_fault_tells_how_far_a_descriptor_came(DriverHome home)
    {
        using var rig = new Rig(home);
        Assert.Equal(IommuStatus.Ok, rig.Device.OpenUserQueue(rig.Nodes, out DsaQueue? user));
        using UserMemory memory = rig.Nodes.Allocate(3 * Page); // what follows is not accessible
        ulong start = memory.Address.Value, end = start + (3 * Page);
        DsaResult result = await user!.RunAsync(
            DsaDescriptor.Move(new Iova(start), new Iova(end - 1000), 2000), Stop);
        Assert.Equal(new DsaResult(DsaStatus.PageFault, 0, 1000, end, FaultIsWrite: true), result);
        result = await user.RunAsync(DsaDescriptor.Crc(new Iova(end - 10), 20), Stop);
        Assert.Equal((DsaStatus.PageFault, 10u, end, false),
            (result.Status, result.Bytes, result.FaultAddress, result.FaultIsWrite));
        Assert.Equal(DsaStatus.Success, user.Run(DsaDescriptor.Fill(1, new Iova(start), 8)).Status); // it goes on
    }

    /// <summary>What the handler makes accessible, the driver goes on with from the very byte.</summary>
    [Theory, MemberData(nameof(LinkingHomes))]
    public async Task A_descriptor_goes_on_when_its_fault_was_handled(DriverHome home)
    {
        using var rig = new Rig(home);
        DmaDevice dma = rig.Function.Dma;
        using DmaMemory memory = dma.Space.AllocateMemory(4 * Page);
        var random = new Random(3);
        var bytes = new byte[4 * Page];
        const int from = 5, length = (4 * Page) - 9;
        Assert.Equal(IommuStatus.Ok, dma.AllocateCoherent(4 * Page, out DmaBuffer? buffer));
        List<(ulong Address, bool IsWrite)> faults = [];
        foreach (DsaOpcode opcode in (DsaOpcode[])[
            DsaOpcode.Move, DsaOpcode.Fill, DsaOpcode.Crc, DsaOpcode.Compare])
        {
            random.NextBytes(bytes);
            buffer!.Bytes.CopyFrom(0, bytes);
            memory.Bytes.CopyFrom(0, bytes);
            if (opcode == DsaOpcode.Move) memory.Bytes.Clear();
            if (opcode == DsaOpcode.Compare) memory.Bytes.Write(3 * Page, (byte)~bytes[3 * Page]);
            Assert.Equal(IommuStatus.Ok, dma.AllocateIova(4 * Page, out DmaIovaRange? range));
            ulong first = range!.Address.Value;
            Iova at = new(first + from), other = new(buffer.Address.Value + from);
            faults.Clear();
            rig.Device.Queue.FaultHandler = (address, isWrite) =>
            {
                faults.Add((address, isWrite));
                ulong page = (address - first) & ~(ulong)(Page - 1);
                return range.Link(page, memory, page, Page, DmaDirection.Bidirectional) == IommuStatus.Ok;
            };
            DsaResult result = await rig.Device.Queue.RunAsync(opcode switch
            {
                DsaOpcode.Move => DsaDescriptor.Move(other, at, length),
                DsaOpcode.Fill => DsaDescriptor.Fill(0x0706050403020100, at, length),
                DsaOpcode.Crc => DsaDescriptor.Crc(at, length),
                _ => DsaDescriptor.Compare(at, other, length),
            }, Stop);
            rig.Device.Queue.FaultHandler = null;
            range.Dispose();
            Assert.Equal(DsaStatus.Success, result.Status);
            bool writes = opcode is DsaOpcode.Move or DsaOpcode.Fill;
            Assert.Equal(
                [(first + from, writes), (first + Page, writes), (first + (2 * Page), writes),
                    (first + (3 * Page), writes)], faults);
            byte[] now = new byte[length];
            memory.Bytes.CopyTo(from, now);
            if (opcode == DsaOpcode.Move) Assert.True(now.AsSpan().SequenceEqual(bytes.AsSpan(from, length)));
            if (opcode == DsaOpcode.Fill) Assert.All(now.Select((b, i) => (b, i)), p => Assert.Equal(p.i % 8, p.b));
            if (opcode == DsaOpcode.Crc)
            {
                uint sum = ~0u;
                foreach (byte value in bytes.AsSpan(from, length)) sum = BitOperations.Crc32C(sum, value);
                Assert.Equal(~sum, result.Crc);
            }

            if (opcode == DsaOpcode.Compare) Assert.Equal((1, (3 * Page) - from), (result.Value, (int)result.Bytes));
        }

        buffer!.Dispose();
    }

    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Host)]
    public async Task A_batch_is_done_in_order_and_stops_where_it_is_told_to(DriverHome home)
    {
        using var rig = new Rig(home);
        Assert.Equal(IommuStatus.Ok, rig.Function.Dma.AllocateCoherent(Page, out DmaBuffer? buffer));
        using DmaBuffer memory = buffer!;
        Iova At(int offset) => new(memory.Address.Value + (ulong)offset);
        DsaDescriptor[] chain =
        [
            DsaDescriptor.Fill(0x42, At(0), 8),
            DsaDescriptor.Move(At(0), At(8), 8),
            DsaDescriptor.Move(new Iova(0x1000), At(16), 8), // of nothing
            DsaDescriptor.Move(At(8), At(24), 8),
        ];
        var results = new DsaResult[4];
        DsaResult batch = await rig.Device.Queue.RunBatchAsync(chain, results, stops: false, Stop);
        Assert.Equal((DsaStatus.BatchFailed, 4u), (batch.Status, batch.Bytes));
        Assert.Equal([DsaStatus.Success, DsaStatus.Success, DsaStatus.PageFault, DsaStatus.Success],
            results.Select(result => result.Status));
        Assert.Equal(0x42UL, memory.Bytes.Read<ulong>(24));

        memory.Bytes.Clear();
        batch = await rig.Device.Queue.RunBatchAsync(chain, results, stops: true, Stop);
        Assert.Equal((DsaStatus.BatchFailed, 3u), (batch.Status, batch.Bytes));
        Assert.Equal(DsaStatus.None, results[3].Status);
        Assert.Equal((0x42UL, 0UL), (memory.Bytes.Read<ulong>(8), memory.Bytes.Read<ulong>(24)));
    }

    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Host)]
    public void Queues_that_were_closed_can_be_opened_again(DriverHome home)
    {
        using var rig = new Rig(home);
        Assert.Equal(7, rig.Device.MostUserQueues);
        for (int round = 0; round < 2; round++)
        {
            var open = new List<DsaQueue>();
            using UserMemory memory = rig.Nodes.Allocate(Page);
            for (int i = 0; i < 7; i++)
            {
                Assert.Equal(IommuStatus.Ok, rig.Device.OpenUserQueue(rig.Nodes, out DsaQueue? queue));
                open.Add(queue!);
                var at = new Iova(memory.Address.Value + (ulong)(8 * i));
                Assert.Equal(DsaStatus.Success, queue!.Run(DsaDescriptor.Fill((ulong)i + 1, at, 8)).Status);
            }

            Assert.Equal(IommuStatus.NoSpace, rig.Device.OpenUserQueue(rig.Nodes, out _));
            for (int i = 0; i < 7; i++) Assert.Equal((ulong)i + 1, memory.Read<ulong>((ulong)(8 * i)));
            foreach (DsaQueue queue in open) queue.Dispose();
        }

        Assert.Equal(0, rig.Device.Resets);
    }

    [Fact]
    public void A_queue_that_is_polled_takes_descriptors_until_it_is_full_and_allocates_nothing()
    {
        using var rig = new Rig(DriverHome.Vfio);
        DsaQueue queue = rig.Device.Queue;
        Assert.Equal(IommuStatus.Ok, rig.Function.Dma.AllocateCoherent(Page, out DmaBuffer? buffer));
        using DmaBuffer memory = buffer!;
        DsaDescriptor fill = DsaDescriptor.Fill(5, memory.Address, 8);
        queue.Run(in fill);
        Allocation.None(() => queue.Run(in fill));
        var tickets = new List<int>();
        while (queue.TrySubmit(in fill, out int ticket)) tickets.Add(ticket);
        Assert.Equal(queue.Entries, tickets.Count);
        foreach (int ticket in tickets)
        {
            DsaResult result = default;
            Until.True(() => queue.TryTake(ticket, out result));
            Assert.Equal(DsaStatus.Success, result.Status);
            Assert.Throws<ArgumentException>(() => queue.TryTake(ticket, out result));
        }
    }

    private sealed class Rig : IDisposable
    {
        private readonly FunctionRig _rig;

        internal Rig(DriverHome home)
        {
            _rig = new FunctionRig(home, DsaDriverTests.Device);
            Device = new DsaAccelerator(_rig.Function);
        }

        internal DsaAccelerator Device { get; }

        internal DriverFunction Function => _rig.Function;

        internal NodeTransport Nodes => _rig.Nodes;

        public void Dispose()
        {
            Device.Dispose();
            _rig.Dispose();
        }
    }
}

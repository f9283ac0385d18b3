using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Examples.Nvme;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Drivers;

/// <summary>Where a driver runs.</summary>
public enum DriverHome
{
    /// <summary>In user space, with a function.</summary>
    Vfio,

    /// <summary>The same, and every buffer is copied.</summary>
    VfioBounced,

    /// <summary>In user space, with an mdev.</summary>
    Mdev,

    /// <summary>Inside the host, in a strict domain.</summary>
    Host,

    /// <summary>The same, and every buffer is copied.</summary>
    HostBounced,

    /// <summary>Inside the host, in a lazy domain.</summary>
    HostLazy,

    /// <summary>Inside the host, where addresses are the memory's own.</summary>
    HostIdentity,
}

/// <summary>The NVMe driver of the examples, in each of its homes.</summary>
public sealed class NvmeDiskTests
{
    private const string Address = "1000:00:05.0", Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
    private static readonly NvmeDiskOptions s_options =
        new() { Queues = 2, PolledQueues = 1, Entries = 8, HealthCheck = TimeSpan.FromMilliseconds(20) };

    public static TheoryData<DriverHome> Homes => [.. Enum.GetValues<DriverHome>()];

    [Theory, MemberData(nameof(Homes))]
    public async Task What_is_written_is_read_back_whatever_its_length_and_place(DriverHome home)
    {
        using var rig = new Rig(home);
        NvmeDisk disk = rig.Disk;
        Assert.Equal(("Ioasis NVMe Ctrl", 512), (disk.Model, disk.BlockSize));
        Assert.InRange(disk.MaxTransfer, 128 * 1024, 512 * 1024);
        var random = new Random(7);
        var model = new byte[disk.Length];
        for (int round = 0; round < 60; round++)
        {
            int most = round % 6 == 0 ? disk.MaxTransfer + (5 * 512) : 6 * 4096; // a list of PRPs, and two commands
            int length = random.Next(1, most / 512) * 512;
            int offset = random.Next((int)(disk.Length - length) / 512) * 512;
            var memory = new byte[length + 8192];
            int start = random.Next(1024) * 4; // within a page
            Memory<byte> part = memory.AsMemory(start, length);
            random.NextBytes(part.Span);
            part.Span.CopyTo(model.AsSpan(offset));
            await disk.WriteAsync(offset, part, TestContext.Current.CancellationToken);
            if (round % 7 == 0) await disk.FlushAsync(TestContext.Current.CancellationToken);
            part.Span.Clear();
            await disk.ReadAsync(offset, part, TestContext.Current.CancellationToken);
            Assert.True(part.Span.SequenceEqual(model.AsSpan(offset, length)), $"{length} bytes at {offset}");
            Assert.Equal(-1, memory.AsSpan(0, start).IndexOfAnyExcept((byte)0));
            Assert.Equal(-1, memory.AsSpan(start + length).IndexOfAnyExcept((byte)0));
        }

        var all = new byte[disk.Length];
        await disk.ReadAsync(0, all, TestContext.Current.CancellationToken);
        Assert.True(all.AsSpan().SequenceEqual(model));
    }

    [Theory, MemberData(nameof(Homes))]
    public async Task Commands_in_flight_survive_resets_by_the_driver_and_behind_its_back(DriverHome home)
    {
        using var rig = new Rig(home);
        var run = new VerifyRun(rig.Disk, rig.Function, piece: 8192, depth: 24, resets: 6);
        Assert.Null(await run.Run(2 << 20));
        Assert.InRange(rig.Disk.Resets, 3, 12);
    }

    [Theory, MemberData(nameof(Homes))]
    public async Task An_error_of_the_controller_is_an_exception_and_the_next_command_works(DriverHome home)
    {
        using var rig = new Rig(home);
        var block = new byte[512];
        IOException error = await Assert.ThrowsAsync<IOException>(
            async () => await rig.Disk.ReadAsync(rig.Disk.Length, block, TestContext.Current.CancellationToken));
        Assert.Contains(nameof(NvmeStatus.BlockOutOfRange), error.Message, StringComparison.Ordinal);
        await rig.Disk.ReadAsync(0, block, TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<ArgumentException>(
            async () => await rig.Disk.ReadAsync(0, new byte[100], TestContext.Current.CancellationToken));
        Assert.Equal(0, rig.Disk.Resets);
    }

    [Theory, MemberData(nameof(Homes))]
    public void A_polled_queue_takes_commands_until_it_is_full_and_allocates_nothing(DriverHome home)
    {
        using var rig = new Rig(home, s_options with { Queues = 0 }); // an mdev has one queue
        NvmeQueue queue = rig.Disk.PolledQueues[0];
        DmaDevice dma = rig.Function.Dma;
        Assert.Equal(IommuStatus.Ok, dma.AllocateCoherent(64 * 1024, out DmaBuffer? buffer));
        using DmaBuffer memory = buffer!;
        var ended = new NvmeResult[queue.Entries];
        var statuses = new NvmeStatus[queue.Entries];

        Assert.Equal(NvmeStatus.Success, Run(NvmeOpcode.Write, 3));
        memory.Bytes.Write(1000, 0x0123456789abcdefUL);
        Assert.Equal(NvmeStatus.Success, Run(NvmeOpcode.Write, 3));
        memory.Bytes.Clear();
        Assert.Equal(NvmeStatus.Success, Run(NvmeOpcode.Read, 3));
        Assert.Equal(0x0123456789abcdefUL, memory.Bytes.Read<ulong>(1000));
        Assert.Equal(NvmeStatus.BlockOutOfRange, Run(NvmeOpcode.Read, rig.Disk.Length / 512));

        // Inside the host a doorbell is a call of the model, on this thread.
        if (rig.Function is VfioFunction) Allocation.None(() => Run(NvmeOpcode.Read, 7));

        int taken = 0;
        while (queue.TrySubmit(NvmeOpcode.Read, taken, 16, memory.Address, taken)) taken++;
        Assert.Equal(queue.Entries - 1, taken);
        var seen = new HashSet<long>();
        Until.True(() =>
        {
            foreach (NvmeResult result in ended.AsSpan(0, queue.Poll(ended))) seen.Add(result.Cookie);
            return seen.Count == taken;
        });

        // Memory that is not mapped: the controller reports it, the driver tries again, and gives the command up.
        Iova gone = memory.Address;
        memory.Dispose();
        dma.Space.Flush(); // a lazy space lets accesses through until then
        Assert.Equal(NvmeStatus.DataTransferError, RunAt(NvmeOpcode.Read, 0, gone));
        Assert.Equal(0, rig.Disk.Resets);

        NvmeStatus Run(NvmeOpcode opcode, long block) => RunAt(opcode, block, buffer!.Address);

        NvmeStatus RunAt(NvmeOpcode opcode, long block, Iova at)
        {
            Assert.True(queue.TrySubmit(opcode, block, 16, at, block));
            while (queue.Poll(ended) == 0) Thread.Yield();
            return ended[0].Status;
        }
    }

    [Fact]
    public async Task Many_threads_share_the_queues()
    {
        using var rig = new Rig(DriverHome.Vfio);
        NvmeDisk disk = rig.Disk;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            var memory = new byte[4096];
            Span<ulong> Words() => MemoryMarshal.Cast<byte, ulong>(memory.AsSpan());
            for (ulong i = 0; i < 100; i++)
            {
                Words().Fill(((ulong)thread << 32) | i);
                await disk.WriteAsync(thread * 4096, memory);
                Words().Clear();
                await disk.ReadAsync(thread * 4096, memory);
                Assert.Equal(-1, Words().IndexOfAnyExcept(((ulong)thread << 32) | i));
            }
        })));
    }

    /// <summary>
    /// A controller that works leaves one command alone for too long. The driver resets it and submits the command
    /// again. Then comes the end of the first submission.
    /// </summary>
    [Fact]
    public async Task A_completion_that_comes_after_the_command_was_given_up_ends_no_other_one()
    {
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default);
        var controller = new HeldNvme { HeldBlock = 7 };
        Assert.True(RequesterId.TryParse("1000:00:1f.0", out RequesterId requester));
        machine.Plug(controller, "held", requester);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        using VfioFunction function = VfioFunction.Open(nodes, requester);
        using var disk = new NvmeDisk(function, s_options with { Timeout = TimeSpan.FromSeconds(1) });
        CancellationToken cancel = TestContext.Current.CancellationToken;
        byte[] written = [.. Enumerable.Repeat((byte)0x5a, 512)], read = new byte[512];

        Task late = disk.WriteAsync(7 * 512, written, cancel).AsTask();
        Ioasis.Devices.Nvme.NvmeCommand first = controller.Next();
        Ioasis.Devices.Nvme.NvmeCommand second = controller.Next(); // after the reset
        Assert.NotEqual(first.CommandId, second.CommandId);

        controller.End(first);
        await disk.ReadAsync(0, read, cancel); // its completion comes after that of the first submission
        Assert.False(late.IsCompleted);

        controller.Release(second);
        await late;
        await disk.ReadAsync(7 * 512, read, cancel);
        Assert.Equal(written, read);
    }

    /// <summary>
    /// QEMU's controller takes an address of its own BAR for the BAR, whatever is mapped there, and refuses it.
    /// </summary>
    [Theory]
    [InlineData(DriverHome.Vfio)]
    [InlineData(DriverHome.Host)]
    public void No_IOVA_is_the_address_of_a_BAR(DriverHome home)
    {
        using var rig = new Rig(home);
        ulong[] bar = rig.FirstBar();
        Assert.InRange(bar[0], 1u, bar[1]);
        Assert.True(rig.Function.Dma.Space.Iovas!.TryAllocate(4096, bar[1], out ulong highest));
        Assert.InRange(highest, 4096u, bar[0] - 4096);
        rig.Function.Dma.Space.Iovas.Free(highest, 4096);
    }

    [Fact]
    public void The_host_and_a_program_do_not_have_a_function_at_once()
    {
        using SoftwareMachine machine = Rig.NewMachine(DriverHome.Host);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        Assert.True(RequesterId.TryParse(Address, out RequesterId requester));
        using (HostDriverFunction host = HostDriverFunction.Open(machine, requester, "nvme"))
        {
            Assert.Throws<IommuException>(() => VfioFunction.Open(nodes, requester));
            using NvmeDisk disk = new(host, s_options);
        }

        using (VfioFunction program = VfioFunction.Open(nodes, requester))
        {
            IommuException refusal =
                Assert.Throws<IommuException>(() => HostDriverFunction.Open(machine, requester, "nvme"));
            Assert.Equal(Errno.EBUSY, refusal.Errno);
            using NvmeDisk disk = new(program, s_options);
        }

        using HostDriverFunction again = HostDriverFunction.Open(machine, requester, "nvme");
    }

    [Fact]
    public void A_second_driver_finds_the_function_free_once_the_first_has_given_it_back()
    {
        using SoftwareMachine machine = Rig.NewMachine(DriverHome.Vfio);
        for (int i = 0; i < 3; i++)
        {
            using NodeTransport nodes = NodeTransport.InProcess(machine);
            Assert.True(RequesterId.TryParse(Address, out RequesterId requester));
            using VfioFunction function = VfioFunction.Open(nodes, requester);
            using (NvmeDisk disk = new(function, s_options)) Assert.True(disk.Length > 0);
            Assert.Equal(0, function.Dma.Live);
        }
    }

    /// <summary>A driver in a home.</summary>
    private sealed class Rig : IDisposable
    {
        private readonly SoftwareMachine _machine;
        private readonly NodeTransport _nodes;

        internal Rig(DriverHome home, NvmeDiskOptions? options = null)
        {
            _machine = NewMachine(home);
            _nodes = NodeTransport.InProcess(_machine);
            Assert.True(RequesterId.TryParse(Address, out RequesterId requester));
            Function = home switch
            {
                DriverHome.Mdev => VfioFunction.Open(_nodes, MdevPath()),
                DriverHome.VfioBounced =>
                    VfioFunction.Open(_nodes, requester, new DmaDeviceOptions { BouncesAlways = true }),
                DriverHome.Host or DriverHome.HostLazy or DriverHome.HostIdentity =>
                    HostDriverFunction.Open(_machine, requester, "nvme"),
                DriverHome.HostBounced => HostDriverFunction.Open(
                    _machine, requester, "nvme", new DmaDeviceOptions { BouncesAlways = true }),
                _ => VfioFunction.Open(_nodes, requester),
            };
            Disk = new NvmeDisk(Function, options ?? s_options);
        }

        internal DriverFunction Function { get; }

        internal NvmeDisk Disk { get; }

        /// <summary>First and last address of BAR 0.</summary>
        internal ulong[] FirstBar() => [.. _nodes.ReadAttribute($"/sys/bus/pci/devices/{Address}/resource")
            .Split('\n')[0].Split(' ').Take(2).Select(word => Convert.ToUInt64(word, 16))];

        internal static SoftwareMachine NewMachine(DriverHome home)
        {
            MachineDescription machine = MachineDescription.Default with
            {
                DefaultDomain = home switch
                {
                    DriverHome.HostLazy => DomainType.DmaFlushQueue,
                    DriverHome.HostIdentity => DomainType.Identity,
                    _ => DomainType.Dma,
                },
            };
            return SoftwareMachine.Create(home == DriverHome.Mdev
                ? machine.WithDevice($"nvme@{Address},size=8M,mdevs=1").WithMdev($"nvme-1q@{Address},uuid={Uuid}")
                : machine.WithDevice($"nvme@{Address},size=4M"));
        }

        public void Dispose()
        {
            Disk.Dispose();
            Assert.Equal(0, Function.Dma.Live);
            Function.Dispose();
            _nodes.Dispose();
            _machine.Dispose();
        }

        private string MdevPath() => "/dev/vfio/devices/" + _nodes.List($"/sys/bus/mdev/devices/{Uuid}/vfio-dev")
            .First(name => name.StartsWith("vfio", StringComparison.Ordinal));
    }
}

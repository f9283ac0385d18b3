using System.Runtime.InteropServices;
using Ioasis.Devices;
using Ioasis.Devices.Nvme;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Nvme;

/// <summary>A command as a test writes it, in the layout that the device reads.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct Command
{
    internal byte Opcode, Flags;
    internal ushort Id;
    internal uint Nsid, Cdw2, Cdw3;
    internal ulong Metadata, Prp1, Prp2;
    internal uint Cdw10, Cdw11, Cdw12, Cdw13, Cdw14, Cdw15;
}

/// <summary>A queue pair as its driver sees it; there is room for four.</summary>
internal sealed class DriverQueue(ushort id, uint entries)
{
    internal ushort Id => id;
    internal uint Entries => entries;
    internal ulong Submissions => NvmeBench.Base + ((ulong)id * 0x20000); // both at pages of 64 KiB
    internal ulong Completions => Submissions + 0x10000;
    internal uint Tail { get; set; }
    internal uint Head { get; set; }
    internal bool Phase { get; set; } = true;
}

/// <summary>What came of a command.</summary>
internal readonly record struct Done(NvmeStatus Status, uint Result, ushort CommandId, ushort SqHead, ushort SqId);

/// <summary>An NVMe controller in a slot, driven as its driver would, with memory at <see cref="Base"/>.</summary>
internal sealed class NvmeBench : IDisposable
{
    internal const ulong Base = 0x1000000;
    internal const int Size = 0x400000;

    /// <summary>Room for data, and for lists.</summary>
    internal const ulong Data = Base + 0x100000, Lists = Base + 0x80000;

    /// <summary>Where nothing is mapped.</summary>
    internal const ulong Nowhere = 0x90000000;

    internal const uint Enabled = 1 | (6 << 16) | (4 << 20);

    private ushort _next = 1;

    internal NvmeBench(NvmeOptions? options = null, bool start = true, bool messages = true)
        : this(new SlotBench(new NvmeDevice(options)) { MessagesEnabled = messages }, start)
    {
    }

    internal NvmeBench(SlotBench slots, bool start = true)
    {
        Slots = slots;
        (_, Memory) = Slots.Map(Base, Size, 0);
        if (start) Enable();
    }

    internal SlotBench Slots { get; }

    internal HostBlock Memory { get; }

    internal DriverQueue Admin { get; private set; } = new(0, 8);

    internal uint Status => (uint)Slots.Slot.Read(0, 0x1c, 4);

    public void Dispose() => Slots.Dispose();

    internal void Set(uint configuration) => Slots.Slot.Write(0, 0x14, 4, configuration);

    internal void Enable(uint configuration = Enabled, uint entries = 8, ulong? submissions = null,
        ulong? completions = null)
    {
        Set(0);
        Admin = New(0, entries);
        Slots.Slot.Write(0, 0x24, 4, (entries - 1) | ((entries - 1) << 16));
        Slots.Slot.Write(0, 0x28, 8, submissions ?? Admin.Submissions);
        Slots.Slot.Write(0, 0x30, 8, completions ?? Admin.Completions);
        Set(configuration);
    }

    /// <summary>A pair of I/O queues, made by the commands for that.</summary>
    internal DriverQueue Create(ushort id, uint entries = 16)
    {
        DriverQueue queue = New(id, entries);
        Assert.Equal(NvmeStatus.Success, CreateCq(id, entries, queue.Completions).Status);
        Assert.Equal(NvmeStatus.Success, CreateSq(id, entries, queue.Submissions, id).Status);
        return queue;
    }

    internal Done CreateCq(uint id, uint entries, ulong at, uint? vector = null, uint flags = 3) =>
        Do(Admin, new Command
        {
            Opcode = 5,
            Prp1 = at,
            Cdw10 = id | ((entries - 1) << 16),
            Cdw11 = ((vector ?? id) << 16) | flags
        });

    internal Done CreateSq(uint id, uint entries, ulong at, uint completions, uint flags = 1) =>
        Do(Admin, new Command
        {
            Opcode = 1,
            Prp1 = at,
            Cdw10 = id | ((entries - 1) << 16),
            Cdw11 = (completions << 16) | flags
        });

    internal DriverQueue New(ushort id, uint entries)
    {
        var queue = new DriverQueue(id, entries);
        Memory.CopyFrom(queue.Completions - Base, new byte[entries * 16]);
        return queue;
    }

    /// <summary>Puts a command in a queue; the doorbell is for the caller to ring.</summary>
    internal ushort Put(DriverQueue queue, Command command)
    {
        command.Id = _next++;
        Memory.CopyFrom(queue.Submissions - Base + (queue.Tail * 64),
            MemoryMarshal.AsBytes(new ReadOnlySpan<Command>(in command)));
        queue.Tail = (queue.Tail + 1) % queue.Entries;
        return command.Id;
    }

    internal void Ring(DriverQueue queue) => Doorbell(queue.Id * 2, queue.Tail);

    internal void Doorbell(int index, uint value) => Slots.Slot.Write(0, 0x1000 + ((ulong)index * 4), 4, value);

    internal bool HasCompletion(DriverQueue queue) =>
        ((Memory.Read<uint>(At(queue) + 12) & 0x10000) != 0) == queue.Phase;

    /// <summary>Waits for the next completion and takes it.</summary>
    internal Done Reap(DriverQueue queue, bool ring = true)
    {
        SlotBench.Until(() => HasCompletion(queue));
        ulong at = At(queue);
        uint heads = Memory.Read<uint>(at + 8), last = Memory.Read<uint>(at + 12);
        var done = new Done((NvmeStatus)(last >> 17), Memory.Read<uint>(at), (ushort)last, (ushort)heads,
            (ushort)(heads >> 16));
        queue.Head = (queue.Head + 1) % queue.Entries;
        queue.Phase ^= queue.Head == 0;
        if (ring) Doorbell((queue.Id * 2) + 1, queue.Head);
        return done;
    }

    internal Done Do(DriverQueue queue, Command command)
    {
        ushort id = Put(queue, command);
        Ring(queue);
        Done done = Reap(queue);
        Assert.Equal((id, queue.Id, queue.Tail), (done.CommandId, done.SqId, done.SqHead));
        return done;
    }

    internal Done Feature(uint feature, uint value) =>
        Do(Admin, new Command { Opcode = 9, Cdw10 = feature, Cdw11 = value });

    internal Done GetFeature(uint feature, uint value = 0) =>
        Do(Admin, new Command { Opcode = 10, Cdw10 = feature, Cdw11 = value });

    internal byte[] Bytes(ulong address, int count)
    {
        byte[] bytes = new byte[count];
        Memory.CopyTo(address - Base, bytes);
        return bytes;
    }

    /// <summary>Fills memory with bytes that differ from place to place.</summary>
    internal byte[] Fill(ulong address, int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        Memory.CopyFrom(address - Base, bytes);
        return bytes;
    }

    private static ulong At(DriverQueue queue) => queue.Completions - Base + (queue.Head * 16);
}

using System.Runtime.InteropServices;
using Ioasis.Devices;
using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>A DSA in a slot, driven as its driver would, with memory at <see cref="Base"/>.</summary>
internal sealed class DsaBench : IDisposable
{
    internal const ulong Base = 0x100000;
    internal const int Size = 0x40000;

    /// <summary>Where records go: the last page of the memory.</summary>
    internal const ulong Records = Base + Size - 0x1000;

    private const int Command = 0xa0, CommandStatus = 0xa8;

    internal DsaBench(DsaOptions? options = null)
    {
        Slots = new SlotBench(new DsaDevice(options));
        (Range, Memory) = Slots.Map(Base, Size, 0);
    }

    internal SlotBench Slots { get; }

    internal HostBlock Memory { get; }

    internal IovaRange Range { get; }

    internal ulong SoftwareError => Slots.Slot.Read(0, 0xc0, 8);

    internal uint State => (uint)Slots.Slot.Read(0, 0x90, 4);

    public void Dispose() => Slots.Dispose();

    /// <summary>All engines and the queues of the mask in group 0.</summary>
    internal void ConfigureGroup(ulong queues = 1, ulong engines = 0xf)
    {
        Slots.Slot.Write(0, 0x400, 8, queues);
        Slots.Slot.Write(0, 0x420, 8, engines);
    }

    internal void ConfigureQueue(int queue, uint size = 16, uint mode = 0x11, uint threshold = 0,
        uint limits = 21 | (5 << 5), ulong operations = ulong.MaxValue)
    {
        Word(0, size);
        Word(1, threshold);
        Word(2, mode);
        Word(3, limits);
        Word(8, (uint)operations);
        Word(9, (uint)(operations >> 32));

        void Word(int dword, uint value) => Slots.Slot.Write(0, (ulong)(0x500 + (queue * 64) + (dword * 4)), 4, value);
    }

    /// <summary>One dedicated queue, enabled.</summary>
    internal DsaBench Started(uint mode = 0x11, uint size = 16, ulong engines = 0xf)
    {
        ConfigureGroup(engines: engines);
        ConfigureQueue(0, size, mode);
        Assert.Equal(0u, Do(DsaCommand.EnableDevice));
        Assert.Equal(0u, Do(DsaCommand.EnableWq));
        return this;
    }

    internal void Start(DsaCommand command, uint operand = 0, bool interrupt = false) =>
        Slots.Slot.Write(0, Command, 4, ((uint)command << 20) | operand | (interrupt ? 1u << 31 : 0));

    /// <summary>Waits for a command; its error, and its result above that.</summary>
    internal uint End()
    {
        SlotBench.Until(() => !IsActive);
        return (uint)Slots.Slot.Read(0, CommandStatus, 4);
    }

    internal bool IsActive => Slots.Slot.Read(0, CommandStatus, 4) >> 31 != 0;

    internal uint Do(DsaCommand command, uint operand = 0)
    {
        Start(command, operand);
        return End();
    }

    internal void Submit(in DsaDescriptor descriptor, int queue = 0, bool limited = false) =>
        Slots.Slot.Submit(2, (ulong)((queue * 0x4000) + (limited ? 0x1000 : 0)),
            MemoryMarshal.AsBytes(new ReadOnlySpan<DsaDescriptor>(in descriptor)));

    /// <summary>A descriptor that wants its record in place <paramref name="record"/>, which is cleared.</summary>
    internal DsaDescriptor New(DsaOpcode opcode, int record = 0, DsaFlags flags = DsaFlags.None)
    {
        ulong address = Records + ((uint)record * DsaCompletionRecord.Size);
        Memory.CopyFrom(address - Base, new byte[DsaCompletionRecord.Size]);
        return new DsaDescriptor
        {
            FlagsAndOpcode = ((uint)opcode << 24)
                | (uint)(DsaFlags.CompletionAddressValid | DsaFlags.RequestCompletion | flags),
            CompletionAddr = address,
        };
    }

    internal DsaCompletionRecord Record(int record = 0)
    {
        Span<byte> bytes = stackalloc byte[DsaCompletionRecord.Size];
        Memory.CopyTo(Records - Base + ((ulong)record * DsaCompletionRecord.Size), bytes);
        return MemoryMarshal.Read<DsaCompletionRecord>(bytes);
    }

    internal bool IsDone(int record = 0) =>
        Memory.Read<byte>(Records - Base + ((ulong)record * DsaCompletionRecord.Size)) != 0;

    internal DsaCompletionRecord Wait(int record = 0)
    {
        SlotBench.Until(() => IsDone(record));
        return Record(record);
    }

    internal DsaCompletionRecord Run(in DsaDescriptor descriptor)
    {
        Submit(in descriptor);
        return Wait();
    }

    internal byte[] Bytes(ulong address, int count)
    {
        byte[] bytes = new byte[count];
        Memory.CopyTo(address - Base, bytes);
        return bytes;
    }

    /// <summary>Puts descriptors for a batch at an address.</summary>
    internal void Write(ulong address, params DsaDescriptor[] descriptors) =>
        Memory.CopyFrom(address - Base, MemoryMarshal.AsBytes<DsaDescriptor>(descriptors));
}

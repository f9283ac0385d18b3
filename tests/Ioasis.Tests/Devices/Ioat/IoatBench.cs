using Ioasis.Devices;
using Ioasis.Devices.Ioat;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Ioat;

/// <summary>An I/OAT in a slot, driven as its driver would, with memory at <see cref="Base"/>.</summary>
internal sealed class IoatBench : IDisposable
{
    internal const ulong Base = 0x100000;
    internal const int Size = 0x40000;

    /// <summary>Where the descriptors are.</summary>
    internal const ulong Ring = Base + 0x30000;

    /// <summary>Where completions are written.</summary>
    internal const ulong Completion = Base + 0x3f000;

    /// <summary>Where nothing is mapped.</summary>
    internal const ulong Nowhere = 0x900000;

    internal const byte Suspend = 0x04, Abort = 0x08, Resume = 0x10, ResetCommand = 0x20;

    internal IoatBench(IoatOptions? options = null)
    {
        Slots = new SlotBench(new IoatDevice(options));
        (_, Memory) = Slots.Map(Base, Size, 0);
        Slots.Slot.Write(0, 0x03, 1, 0x08); // every MSI-X vector
        Slots.Slot.Write(0, 0x98, 8, Completion);
        Slots.Slot.Write(0, 0x80, 2, 0x1d); // rearm, all that can be told of errors
    }

    internal SlotBench Slots { get; }

    internal HostBlock Memory { get; }

    internal IoatStatus Status => (IoatStatus)(Slots.Slot.Read(0, 0x88, 8) & 7);

    internal ulong Completed => Slots.Slot.Read(0, 0x88, 8) & ~0x3fUL;

    internal IoatErrors Errors => (IoatErrors)Slots.Slot.Read(0, 0xa8, 4);

    internal static ulong At(int descriptor) => Ring + (ulong)(descriptor * 64);

    /// <summary>Puts a descriptor in its place; the one after it is next unless told otherwise.</summary>
    internal void Put(int index, uint control, ulong source, ulong destination, uint length, ulong? next = null)
    {
        ulong at = At(index) - Base;
        Memory.Write(at, length);
        Memory.Write(at + 4, control);
        Memory.Write(at + 8, source);
        Memory.Write(at + 16, destination);
        Memory.Write(at + 24, next ?? At(index + 1));
    }

    internal void Start(ushort count, ulong? chain = null)
    {
        Slots.Slot.Write(0, 0x90, 8, chain ?? Ring);
        More(count);
    }

    internal void More(ushort count) => Slots.Slot.Write(0, 0x86, 2, count);

    internal void Command(byte command) => Slots.Slot.Write(0, 0x84, 1, command);

    internal void Until(IoatStatus status) => SlotBench.Until(() => Status == status);

    public void Dispose() => Slots.Dispose();
}

using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>A part of a chain as its driver adds it.</summary>
internal readonly record struct Part(ulong Address, uint Length, bool IsWritable);

/// <summary>
/// The driver's side of a ring, written after the specification and apart from the device's side. It keeps what is
/// outstanding by token, and gives back what the device used.
/// </summary>
internal abstract class DriverRing(HostBlock memory, ulong memoryBase, ulong at, int size)
{
    /// <summary>Offset of the tables of descriptors from the ring's start, 0x400 bytes for each entry.</summary>
    private const ulong Tables = 0x8000;

    protected HostBlock Memory => memory;

    internal int Size => size;

    internal ulong Start => at;

    internal ulong Descriptors => at;

    internal ulong Driver => at + 0x4000;

    internal ulong Device => at + 0x5000;

    internal abstract uint FirstBase { get; }

    /// <summary>Number of chains that the device has.</summary>
    internal abstract int Outstanding { get; }

    /// <summary>Makes a chain available; null if there is no room.</summary>
    internal abstract int? Add(IReadOnlyList<Part> parts, bool indirect = false);

    /// <summary>Takes the next chain that the device used.</summary>
    internal abstract (int Token, uint Written)? Reap();

    /// <summary>Whether the device wants to be told of what was added since the last call.</summary>
    internal abstract bool MustKick();

    /// <summary>Asks for interrupts, or for none.</summary>
    internal abstract void WantInterrupts(bool wanted);

    internal (int Token, uint Written) Await()
    {
        (int, uint)? done = null;
        Until.True(() => (done = Reap()) is not null);
        return done!.Value;
    }

    protected ulong Offset(ulong address) => address - memoryBase;

    /// <summary>Writes a table of descriptors for the entry, and returns its address.</summary>
    protected ulong WriteTable(int entry, IReadOnlyList<Part> parts, Func<int, Part, (uint Low, uint High)> tail)
    {
        ulong table = at + Tables + ((ulong)entry * 0x400);
        for (int i = 0; i < parts.Count; i++)
        {
            ulong to = Offset(table) + ((ulong)i * 16);
            memory.Write(to, parts[i].Address);
            (uint low, uint high) = tail(i, parts[i]);
            memory.Write(to + 8, low);
            memory.Write(to + 12, high);
        }

        return table;
    }
}

using System.Diagnostics.CodeAnalysis;
using Ioasis.Memory;

namespace Ioasis.Tests.Faults;

/// <summary>
/// A program's memory, where each copy and each populating can fail, and where all that was named for DMA can be
/// counted.
/// </summary>
/// <param name="inner">The memory.</param>
/// <param name="holds">Whether what stands in our own process can be mapped without a backing of its own.</param>
internal sealed class FaultyMemory(AddressSpace inner, bool holds = false) : AddressSpace
{
    private int _backings;

    internal FaultPlan Plan { get; set; } = FaultPlan.None();

    /// <summary>Backings that somebody still holds.</summary>
    internal int Backings => Volatile.Read(ref _backings);

    public override bool TryRead(Hva source, Span<byte> destination) =>
        !Plan.Fails("copy from the program") && inner.TryRead(source, destination);

    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source) =>
        !Plan.Fails("copy to the program") && inner.TryWrite(destination, source);

    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        Count(inner.Reference(start, length, writable));

    internal override MemoryBacking Reference(Hva start, ulong length, bool writable, IHeldMemory held) =>
        Count(inner.Reference(start, length, writable, held));

    internal override bool TryHold(Hva start, ulong length, HostBlock? held, [NotNullWhen(true)] out HostBlock? block)
    {
        block = null;
        return holds && !Plan.Fails("hold") && inner.TryHold(start, length, held, out block);
    }

    /// <summary>Watches over memory of another kind, a file's.</summary>
    internal MemoryBacking Count(MemoryBacking backing)
    {
        Interlocked.Increment(ref _backings);
        return new Backing(this, backing);
    }

    private sealed class Backing(FaultyMemory memory, MemoryBacking inner)
        : MemoryBacking(inner.Length, inner.Writable, inner.AlignmentHint)
    {
        public override nint DirectAddress => inner.DirectAddress;

        public override bool IsFile => inner.IsFile;

        public override bool TryPopulate(ulong offset, ulong length) =>
            !memory.Plan.Fails("populate") && inner.TryPopulate(offset, length);

        public override bool TryRead(ulong offset, Span<byte> destination) => inner.TryRead(offset, destination);

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => inner.TryWrite(offset, source);

        public override bool TryLocate(ulong offset, out MemoryLocation location) =>
            inner.TryLocate(offset, out location);

        public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) => inner.OffsetsOf(location);

        protected override void Free()
        {
            inner.Release();
            Interlocked.Decrement(ref memory._backings);
        }
    }
}

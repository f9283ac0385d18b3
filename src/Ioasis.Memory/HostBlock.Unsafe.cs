using System.Runtime.InteropServices;
using Ioasis.Memory.Threads;

namespace Ioasis.Memory;

/// <summary>
/// Zeroed, page-aligned memory of our own process. The block is freed when nobody holds it any more: neither its owner
/// nor a mapping that names it.
/// </summary>
internal sealed unsafe class HostBlock : SharedBytes, IHeldMemory, IDisposable
{
    private const nuint Alignment = 4096;
    private HoldCount _references = new();
    private int _disposed;

    /// <summary>Allocates a block.</summary>
    /// <param name="length">Bytes, not 0.</param>
    /// <exception cref="OutOfMemoryException">The host has no such memory.</exception>
    public HostBlock(ulong length) : base(Allocate(length), length)
    {
    }

    /// <summary>Frees a block that its owner never disposed.</summary>
    ~HostBlock() => Free();

    // the finalizer is due when the last holder releases the block, and the owner need not be the last
#pragma warning disable CA1816
    /// <summary>Releases the owner's hold.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Release();
    }

    /// <summary>Takes one more hold, unless the last one has been released.</summary>
    /// <returns>Whether it was taken; each that was needs a <see cref="Release"/>.</returns>
    public bool TryAddReference() => _references.TryAdd();

    /// <summary>Takes one more hold. The caller guarantees that somebody holds the block meanwhile.</summary>
    public void AddReference() => _references.Add();

    /// <summary>Releases a hold. After the last one the memory is given back.</summary>
    public void Release()
    {
        if (!_references.Release()) return;
        Free();
        GC.SuppressFinalize(this);
    }
#pragma warning restore CA1816

    nint IHeldMemory.Shift => 0;

    MemoryLocation IHeldMemory.LocationOf(ulong address) => new(this, address - (ulong)Address);

    bool IHeldMemory.TryAddress(MemoryLocation location, out ulong address)
    {
        address = unchecked((ulong)Address + location.Offset);
        return ReferenceEquals(location.Memory, this);
    }

    private static nint Allocate(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        nuint rounded = checked((nuint)length + Alignment - 1) & ~(Alignment - 1);
        // SAFETY: freshly allocated, of that length.
        void* block = NativeMemory.AlignedAlloc(rounded, Alignment);
        NativeMemory.Clear(block, rounded);
        return (nint)block;
    }

    // SAFETY: called once: by the last Release, or by the finalizer if there was no last Release.
    private void Free() => NativeMemory.AlignedFree((void*)Address);
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core.Dma;
using Ioasis.Memory;

namespace Ioasis.Devices.Virtio;

/// <summary>Words of a ring in a driver's memory. A naturally aligned word is read and written in one piece.</summary>
/// <param name="port">The queue's port.</param>
internal readonly struct RingMemory(DmaPort port)
{
    /// <summary>The queue's port.</summary>
    internal DmaPort Port => port;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryRead<T>(ulong address, out T value) where T : unmanaged
    {
        value = default;
        return port.Read(new Iova(address), MemoryMarshal.AsBytes(new Span<T>(ref value))).IsOk;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryRead<T>(ulong address, Span<T> values) where T : unmanaged =>
        port.Read(new Iova(address), MemoryMarshal.AsBytes(values)).IsOk;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryWrite<T>(ulong address, T value) where T : unmanaged =>
        port.Write(new Iova(address), MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value))).IsOk;
}

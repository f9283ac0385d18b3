using System.Buffers;

namespace Ioasis.Memory;

/// <summary>Managed memory that the collector leaves where it is until <see cref="Dispose"/>.</summary>
public struct PinnedMemory : IDisposable
{
    private MemoryHandle _handle;

    private PinnedMemory(MemoryHandle handle, nint address, ulong length)
    {
        _handle = handle;
        Address = address;
        Length = length;
    }

    /// <summary>The address of the first byte.</summary>
    public nint Address { get; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; }

    /// <summary>Pins memory.</summary>
    public static unsafe PinnedMemory Pin<T>(Memory<T> memory) where T : unmanaged
    {
        MemoryHandle handle = memory.Pin();
        // SAFETY: the address is only taken; who uses it keeps the handle.
        return new PinnedMemory(handle, (nint)handle.Pointer, (ulong)memory.Length * (ulong)sizeof(T));
    }

    /// <summary>The collector may move the memory again.</summary>
    public void Dispose() => _handle.Dispose();
}

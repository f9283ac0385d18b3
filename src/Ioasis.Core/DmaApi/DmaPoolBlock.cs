using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>A block of a <see cref="DmaPool"/>.</summary>
public readonly struct DmaPoolBlock : IEquatable<DmaPoolBlock>
{
    private readonly uint _offset;

    internal DmaPoolBlock(DmaPool pool, DmaPoolPage page, int number, uint offset)
    {
        Pool = pool;
        Page = page;
        Number = number;
        _offset = offset;
    }

    /// <summary>The pool.</summary>
    public DmaPool Pool { get; }

    /// <summary>The address to tell the device.</summary>
    public Iova Address => new(Page.Buffer.Address.Value + _offset);

    internal DmaPoolPage Page { get; }

    internal int Number { get; }

    /// <summary>Reads a value at a byte offset, in one load if it is naturally aligned.</summary>
    public T Read<T>(uint offset) where T : unmanaged
    {
        Check<T>(offset);
        return Page.Buffer.Bytes.Read<T>(_offset + offset);
    }

    /// <summary>Writes a value at a byte offset, in one store if it is naturally aligned.</summary>
    public void Write<T>(uint offset, T value) where T : unmanaged
    {
        Check<T>(offset);
        Page.Buffer.Bytes.Write(_offset + offset, value);
    }

    /// <summary>Sets all bytes to 0.</summary>
    public void Clear() => HostMemory.Clear(Page.Buffer.Bytes.Address + (nint)_offset, (nint)Pool.Size);

    /// <summary>Whether both are the same block.</summary>
    public bool Equals(DmaPoolBlock other) => Pool == other.Pool && Number == other.Number;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is DmaPoolBlock other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Pool, Number);

    /// <summary>Whether both are the same block.</summary>
    public static bool operator ==(DmaPoolBlock left, DmaPoolBlock right) => left.Equals(right);

    /// <summary>Whether they are not the same block.</summary>
    public static bool operator !=(DmaPoolBlock left, DmaPoolBlock right) => !left.Equals(right);

    private void Check<T>(uint offset) where T : unmanaged
    {
        ulong size = (ulong)System.Runtime.InteropServices.Marshal.SizeOf<T>();
        if (offset > Pool.Size || size > Pool.Size - offset)
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"The block has {Pool.Size} bytes.");
    }
}

using Microsoft.Win32.SafeHandles;

namespace Ioasis.Devices.Blocks;

/// <summary>Blocks in a file.</summary>
internal sealed class FileBlockStore : BlockStore
{
    private static readonly byte[] s_zeros = new byte[64 * 1024];
    private readonly SafeFileHandle _file;

    internal FileBlockStore(string path, long? size, bool readOnly)
    {
        _file = File.OpenHandle(path, size is null || readOnly ? FileMode.Open : FileMode.OpenOrCreate,
            readOnly ? FileAccess.Read : FileAccess.ReadWrite, FileShare.ReadWrite);
        Size = RandomAccess.GetLength(_file);
        if (readOnly) size = Math.Min(size ?? Size, Size);
        if (size > Size) RandomAccess.SetLength(_file, size.Value);
        Size = size ?? Size;
    }

    internal override long Size { get; }

    internal override void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(_file, destination, offset);
            if (read == 0) throw new EndOfStreamException(); // the file was truncated meanwhile
            offset += read;
            destination = destination[read..];
        }
    }

    internal override void Write(long offset, ReadOnlySpan<byte> source) => RandomAccess.Write(_file, source, offset);

    internal override void Zero(long offset, long count)
    {
        while (count > 0)
        {
            int part = (int)Math.Min(count, s_zeros.Length);
            RandomAccess.Write(_file, s_zeros.AsSpan(0, part), offset);
            offset += part;
            count -= part;
        }
    }

    /// <summary>Writes zeros where something else is, so that the holes of a file stay holes.</summary>
    internal override void Erase(long offset, long count)
    {
        var bytes = new byte[s_zeros.Length];
        for (int part; count > 0; offset += part, count -= part)
        {
            part = (int)Math.Min(count, bytes.Length);
            Read(offset, bytes.AsSpan(0, part));
            if (bytes.AsSpan(0, part).ContainsAnyExcept((byte)0)) Write(offset, s_zeros.AsSpan(0, part));
        }

        Flush();
    }

    /// <summary>Makes a hole in the file, if its file system can.</summary>
    internal override bool TryDeallocate(long offset, long count) =>
        count == 0 || FileHoles.Punch(_file, offset, count);

    internal override void Flush() => RandomAccess.FlushToDisk(_file);

    public override void Dispose() => _file.Dispose();
}

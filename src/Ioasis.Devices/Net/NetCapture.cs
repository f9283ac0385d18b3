using System.Buffers.Binary;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Net;

/// <summary>
/// A file that gets a copy of frames, in the format of pcap with microseconds. If the host cannot write it, the user is
/// told once, and the network goes on. Thread-safe.
/// </summary>
internal sealed class NetCapture : IDisposable
{
    private const int FileHeaderSize = 24, RecordHeaderSize = 16;
    private const uint Magic = 0xa1b2c3d4, Ethernet = 1;

    // Guards the file and the order of the frames in it. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.NetCapture);
    private readonly string _path;
    private FileStream? _file; // null once it failed

    /// <exception cref="ArgumentException">The file cannot be made.</exception>
    internal NetCapture(string path)
    {
        _path = path;
        try
        {
            _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
            Span<byte> header = stackalloc byte[FileHeaderSize];
            header.Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
            BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2); // version 2.4
            BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
            BinaryPrimitives.WriteInt32LittleEndian(header[16..], NetFrame.MostBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(header[20..], Ethernet);
            _file.Write(header);
            _file.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"The capture \"{path}\" cannot be written: {e.Message}", nameof(path), e);
        }
    }

    internal void Add(ReadOnlySpan<byte> frame)
    {
        Span<byte> header = stackalloc byte[RecordHeaderSize];
        using (_lock.Enter())
        {
            if (_file is null) return;
            long microseconds = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)(microseconds / 1_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)(microseconds % 1_000_000));
            BinaryPrimitives.WriteInt32LittleEndian(header[8..], frame.Length);
            BinaryPrimitives.WriteInt32LittleEndian(header[12..], frame.Length);
            try
            {
                _file.Write(header);
                _file.Write(frame);
            }
            catch (IOException e)
            {
                Fail(e);
            }
        }
    }

    /// <summary>Lets readers of the file see all frames.</summary>
    internal void Flush()
    {
        using (_lock.Enter())
        {
            try
            {
                _file?.Flush();
            }
            catch (IOException e)
            {
                Fail(e);
            }
        }
    }

    public void Dispose()
    {
        Flush();
        using (_lock.Enter())
        {
            _file?.Dispose();
            _file = null;
        }
    }

    private void Fail(IOException e)
    {
        HostMessages.Tell($"the capture \"{_path}\" ends: {e.Message}");
        FileStream? file = _file;
        _file = null;
        try
        {
            file?.Dispose();
        }
        catch (IOException)
        {
            // what it could not write was told
        }
    }
}

using Ioasis.Host.Filter;

namespace Ioasis.Host.Launch;

/// <summary>
/// The supervisor's message to the launcher: what to run, and the state of the process before the runtime changed it.
/// </summary>
/// <param name="Arguments">The program and its arguments as bytes, each ending in a NUL. They need not be
/// UTF-8.</param>
/// <param name="Environment">NAME=value strings, each ending in a NUL.</param>
/// <param name="IgnoredSignals">Signals to ignore; bit 0 is signal 1.</param>
/// <param name="DescriptorLimit">The soft limit of open files; 0 leaves it.</param>
/// <param name="FileSizeLimit">The soft limit of file sizes in bytes.</param>
/// <param name="StrictSva">Whether calls that revoke memory are stopped too.</param>
/// <param name="HoldsCalls">Whether threads stop at the end of calls.</param>
/// <param name="Writes">The writes that are stopped.</param>
/// <param name="IsTraced">Whether the program gets no filter: its calls are followed by ptrace(2).</param>
internal sealed record LaunchRequest(
    byte[] Arguments, byte[] Environment, ulong IgnoredSignals, ulong DescriptorLimit, ulong FileSizeLimit,
    bool StrictSva, bool HoldsCalls, WriteRule Writes, bool IsTraced = false)
{
    /// <summary>The request as bytes, preceded by their number.</summary>
    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(0);
        writer.Write(Arguments.Length);
        writer.Write(Arguments);
        writer.Write(Environment.Length);
        writer.Write(Environment);
        writer.Write(IgnoredSignals);
        writer.Write(DescriptorLimit);
        writer.Write(FileSizeLimit);
        writer.Write(StrictSva);
        writer.Write(HoldsCalls);
        writer.Write(Writes.Vectored);
        writer.Write(Writes.Ranges.Count);
        foreach ((uint first, uint last) in Writes.Ranges)
        {
            writer.Write(first);
            writer.Write(last);
        }

        writer.Write(IsTraced);
        writer.Seek(0, SeekOrigin.Begin);
        writer.Write((int)stream.Length - sizeof(int));
        return stream.ToArray();
    }

    /// <summary>Parses the bytes after the number.</summary>
    public static LaunchRequest FromBytes(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        return new LaunchRequest(
            reader.ReadBytes(reader.ReadInt32()), reader.ReadBytes(reader.ReadInt32()), reader.ReadUInt64(),
            reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadBoolean(), reader.ReadBoolean(), ReadWrites(reader),
            reader.ReadBoolean());
    }

    private static WriteRule ReadWrites(BinaryReader reader)
    {
        bool vectored = reader.ReadBoolean();
        var ranges = new SizeRange[reader.ReadInt32()];
        for (int i = 0; i < ranges.Length; i++) ranges[i] = new SizeRange(reader.ReadUInt32(), reader.ReadUInt32());
        return new WriteRule(ranges, vectored);
    }
}

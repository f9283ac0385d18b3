namespace Ioasis.Host.Launch;

/// <summary>
/// The supervisor's message to the launcher: what to run, and the state of the process before the runtime changed it.
/// </summary>
/// <param name="Arguments">The program and its arguments as bytes, each ending in a NUL. They need not be
/// UTF-8.</param>
/// <param name="Environment">NAME=value strings, each ending in a NUL.</param>
/// <param name="IgnoredSignals">Signals to ignore; bit 0 is signal 1.</param>
/// <param name="DescriptorLimit">The soft limit of open files; 0 leaves it.</param>
/// <param name="StrictSva">Whether calls that revoke memory are stopped too.</param>
/// <param name="Attributes">Whether calls that write a number to an attribute are stopped too.</param>
internal sealed record LaunchRequest(
    byte[] Arguments, byte[] Environment, ulong IgnoredSignals, ulong DescriptorLimit, bool StrictSva,
    bool Attributes = false)
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
        writer.Write(StrictSva);
        writer.Write(Attributes);
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
            reader.ReadUInt64(), reader.ReadBoolean(),
            reader.ReadBoolean());
    }
}

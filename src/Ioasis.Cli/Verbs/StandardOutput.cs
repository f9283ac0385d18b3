namespace Ioasis.Cli.Verbs;

/// <summary>
/// Standard output whose failures are told from those of files: a full disk behind it is no mistake of a command line.
/// </summary>
internal sealed class StandardOutput : Stream
{
    private readonly Stream _output = Console.OpenStandardOutput();

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Makes it what Console writes to.</summary>
    internal static void Use() =>
        Console.SetOut(new StreamWriter(new StandardOutput(), bufferSize: 1024, leaveOpen: true) { AutoFlush = true });

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            _output.Write(buffer);
        }
        catch (IOException e)
        {
            throw new StandardOutputException(e);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => _output.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>Standard output cannot be written.</summary>
internal sealed class StandardOutputException(IOException inner)
    : Exception($"cannot write to standard output: {Reason(inner)}", inner)
{
    // The runtime's message may end with the file's name after a colon.
    private static string Reason(IOException e) => e.Message.Split(" : ")[0].TrimEnd('.');
}

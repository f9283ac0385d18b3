using System.Buffers.Binary;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Launch;

/// <summary>
/// The memory of <see cref="LaunchCode"/>: what its system calls need, at addresses that are known before it starts.
/// </summary>
internal sealed class LaunchData
{
    private const ulong At = ElfImage.DataAt;
    private const int ResultAt = 72, MessageAt = 80, PartAt = 136, FilterAt = 152, ActionsAt = 168, ActionSize = 32,
        LimitsAt = 232, LimitSize = 16, FixedSize = 264, InstructionSize = 8;
    private const int SOL_SOCKET = 1, SCM_RIGHTS = 1, ControlSize = 16, SIG_IGN = 1;

    private readonly byte[] _bytes;
    private readonly ulong[] _files;
    private int _end;

    /// <param name="arguments">The program and its arguments, each ending in a NUL.</param>
    /// <param name="environment">NAME=value strings, each ending in a NUL.</param>
    /// <param name="files">Paths, each without a NUL at its end.</param>
    /// <param name="filter">A filter.</param>
    public LaunchData(ReadOnlySpan<byte> arguments, ReadOnlySpan<byte> environment, byte[][] files,
        ReadOnlySpan<SockFilter> filter)
    {
        int argumentCount = arguments.Count((byte)0), environmentCount = environment.Count((byte)0);
        int size = FixedSize + filter.Length * InstructionSize + (argumentCount + environmentCount + 3) * sizeof(ulong)
            + arguments.Length + environment.Length + Shell.Length;
        foreach (byte[] file in files) size += file.Length + 1;
        _bytes = new byte[size];
        _files = new ulong[files.Length];

        WriteMessage();
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(FilterAt), checked((ushort)filter.Length));
        WriteWord(FilterAt + sizeof(ulong), At + FixedSize);
        WriteWord(ActionsAt, SIG_IGN);
        _end = FixedSize;
        foreach (SockFilter instruction in filter) Write(instruction);

        // The shell's arguments are itself, a script and what the program gets: one word more than the program's.
        ShellArguments = At + (ulong)_end;
        int vector = _end + sizeof(ulong), environmentVector = vector + (argumentCount + 1) * sizeof(ulong);
        Arguments = At + (ulong)vector;
        Environment = At + (ulong)environmentVector;
        _end = environmentVector + (environmentCount + 1) * sizeof(ulong);
        WriteVector(vector, arguments);
        WriteVector(environmentVector, environment);
        WriteWord((int)(ShellArguments - At), Add(Shell));
        for (int i = 0; i < files.Length; i++)
        {
            _files[i] = Add(files[i]);
            _end++; // its NUL
        }
    }

    /// <summary>The shell of files that are no programs and name no interpreter, with its NUL.</summary>
    private static ReadOnlySpan<byte> Shell => "/bin/sh\0"u8;

    /// <summary>All of it.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>
    /// A struct msghdr of one word, with the file whose number the call before returned (SCM_RIGHTS).
    /// </summary>
    public static ulong FileOfResult => At + MessageAt;

    /// <summary>The struct sock_fprog of the filter.</summary>
    public static ulong Filter => At + FilterAt;

    /// <summary>A struct sigaction that ignores a signal, or that restores its default.</summary>
    public static ulong Action(bool ignores) => At + ActionsAt + (ignores ? 0UL : ActionSize);

    /// <summary>Where the program's path stands in <see cref="ShellArguments"/>.</summary>
    public ulong ScriptOfShell => ShellArguments + sizeof(ulong);

    /// <summary>The vector of the program's arguments, until <see cref="ScriptOfShell"/> is written.</summary>
    public ulong Arguments { get; }

    /// <summary>The vector of a shell's arguments that runs the program as a script; begins with its path.</summary>
    public ulong ShellArguments { get; }

    /// <summary>The vector of the environment.</summary>
    public ulong Environment { get; }

    /// <summary>The paths.</summary>
    public ReadOnlySpan<ulong> Files => _files;

    /// <summary>The path of the shell.</summary>
    public ulong ShellFile => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan((int)(ShellArguments - At)));

    /// <summary>Writes one of two struct rlimit.</summary>
    /// <returns>Where it is.</returns>
    public ulong Limit(int which, ulong soft, ulong hard)
    {
        int at = LimitsAt + which * LimitSize;
        WriteWord(at, soft);
        WriteWord(at + sizeof(ulong), hard);
        return At + (ulong)at;
    }

    // The control message stands before the result, which is the number of the file that it carries.
    private void WriteMessage()
    {
        WriteWord(ResultAt - ControlSize, ControlSize + sizeof(int)); // cmsg_len
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(ResultAt - 8), SOL_SOCKET);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(ResultAt - 4), SCM_RIGHTS);
        WriteWord(MessageAt + 16, At + PartAt);                       // msg_iov
        WriteWord(MessageAt + 24, 1);
        WriteWord(MessageAt + 32, At + ResultAt - ControlSize);       // msg_control
        WriteWord(MessageAt + 40, ControlSize + sizeof(ulong));
        WriteWord(PartAt, At + ResultAt);
        WriteWord(PartAt + sizeof(ulong), sizeof(ulong));
    }

    private void Write(SockFilter instruction)
    {
        Span<byte> at = _bytes.AsSpan(_end, InstructionSize);
        BinaryPrimitives.WriteUInt16LittleEndian(at, instruction.Code);
        at[2] = instruction.JumpTrue;
        at[3] = instruction.JumpFalse;
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], instruction.K);
        _end += InstructionSize;
    }

    private void WriteVector(int at, ReadOnlySpan<byte> strings)
    {
        ulong first = Add(strings);
        for (int i = 0; i < strings.Length; i++)
        {
            if (i != 0 && strings[i - 1] != 0) continue;
            WriteWord(at, first + (ulong)i);
            at += sizeof(ulong);
        }
    }

    private ulong Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(_end));
        ulong at = At + (ulong)_end;
        _end += bytes.Length;
        return at;
    }

    private void WriteWord(int at, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(at), value);
}

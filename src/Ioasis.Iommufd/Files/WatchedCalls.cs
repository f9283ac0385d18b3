using System.Diagnostics;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// Serves calls of programs, and tells observers of them if any wants to be told. A call that an injector refuses is
/// not served.
/// </summary>
public static class WatchedCalls
{
    private const int MostBytes = CallReader.MostBytes, MostData = 32;

    /// <summary>ioctl(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="command">The request number.</param>
    /// <param name="argument">The third argument.</param>
    public static SysResult Ioctl(NodeFile file, ICaller caller, CallOrigin origin, uint command, ulong argument)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(caller);
        if (!file.IsWatched) return Counted(file, file.Ioctl(caller, command, argument));
        using CurrentCall.Scope current = CurrentCall.Begin();
        IoctlShape? shape = file.ShapeOf(command);
        bool isRecorded = file.IsRecorded;
        byte[] before = StructAt(caller, shape, argument, isRecorded);
        CallData? data = isRecorded ? CallReader.Begin(caller, shape, command, argument, before) : null;
        bool wasHeard = Refusal.Begin();
        long began = Stopwatch.GetTimestamp();
        Errno injected = file.Injected(shape?.Name ?? "ioctl");
        SysResult result = injected == Errno.None ? file.Ioctl(caller, command, argument) : injected;
        Refusal.End(wasHeard);
        byte[] after = before.Length != 0 && (result.IsOk || isRecorded)
            ? BytesAt(caller, argument, before.Length)
            : [];
        if (data is not null)
        {
            CallReader.End(data, caller, shape, command, after, result);
            if (result.IsOk) MappedReader.Read(data, caller, shape, after, file.IsRecordedWithPages);
        }

        file.Tell(new NodeCall
        {
            Number = CurrentCall.Number,
            File = file,
            Path = file.OpenedPath,
            Thread = origin.Thread,
            Process = origin.Process,
            Descriptor = origin.Descriptor,
            Name = "ioctl",
            Command = command,
            CommandName = shape?.Name,
            Structure = shape?.Structure,
            Argument = argument,
            Before = before,
            After = after,
            Data = data,
            Began = began,
            Result = ValueOf(result),
            IsInjected = injected != Errno.None,
            Why = WhyOf(result),
        });
        return result;
    }

    /// <summary>pread(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="buffer">Where in the caller's memory.</param>
    /// <param name="count">How many bytes.</param>
    public static SysResult Read(
        NodeFile file, ICaller caller, CallOrigin origin, ulong offset, ulong buffer, ulong count)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(caller);
        if (!file.IsWatched) return Counted(file, file.Read(caller, offset, buffer, count));
        using CurrentCall.Scope current = CurrentCall.Begin();
        bool wasHeard = Refusal.Begin();
        long began = Stopwatch.GetTimestamp();
        Errno injected = file.Injected("read");
        SysResult result = injected == Errno.None ? file.Read(caller, offset, buffer, count) : injected;
        Refusal.End(wasHeard);
        int most = file.IsRecorded ? MostBytes : MostData;
        byte[] got = result.Value > 0 ? BytesAt(caller, buffer, (int)Math.Min(result.Value, most)) : [];
        Tell(file, origin, "read", offset, count, [], got, began, result, injected);
        return result;
    }

    /// <summary>pwrite(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="offset">Where in the file; null for a message.</param>
    /// <param name="buffer">Where in the caller's memory.</param>
    /// <param name="count">How many bytes.</param>
    public static SysResult Write(
        NodeFile file, ICaller caller, CallOrigin origin, ulong? offset, ulong buffer, ulong count)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(caller);
        if (!file.IsWatched) return Counted(file, Serve());
        using CurrentCall.Scope current = CurrentCall.Begin();
        int most = offset is null || file.IsRecorded ? MostBytes : MostData;
        byte[] put = BytesAt(caller, buffer, (int)Math.Min(count, (ulong)most));
        CallData? data = file.IsRecorded ? new CallData { Space = caller.Memory } : null;
        if (data is not null && file.IsRecordedWithPages) data.Pages = MappedReader.ReadChanged(caller.Memory);
        bool wasHeard = Refusal.Begin();
        long began = Stopwatch.GetTimestamp();
        Errno injected = file.Injected("write");
        SysResult result = injected == Errno.None ? Serve() : injected;
        Refusal.End(wasHeard);
        Tell(file, origin, "write", offset, count, put, [], began, result, injected, data: data);
        return result;

        SysResult Serve() => offset is { } at
            ? file.Write(caller, at, buffer, count)
            : file.WriteMessage(caller, buffer, count);
    }

    /// <summary>mmap(2): whether it may be.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="shared">Whether the mapping is MAP_SHARED.</param>
    /// <param name="readable">Whether the mapping has PROT_READ.</param>
    /// <param name="writable">Whether the mapping has PROT_WRITE.</param>
    /// <param name="executable">Whether the mapping has PROT_EXEC.</param>
    public static Errno Map(NodeFile file, CallOrigin origin, ulong offset, ulong length, bool shared, bool readable,
        bool writable, bool executable)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (!file.IsWatched)
        {
            Errno answer = file.Map(offset, length, shared, readable, writable, executable);
            file.TellAnswered();
            return answer;
        }

        using CurrentCall.Scope current = CurrentCall.Begin();
        bool wasHeard = Refusal.Begin();
        long began = Stopwatch.GetTimestamp();
        Errno injected = file.Injected("mmap");
        Errno errno = injected == Errno.None
            ? file.Map(offset, length, shared, readable, writable, executable)
            : injected;
        Refusal.End(wasHeard);
        string asked = $"{(readable ? "r" : "")}{(writable ? "w" : "")}{(executable ? "x" : "")}{(shared ? "s" : "")}";
        Tell(file, origin, "mmap", offset, length, [], [], began, errno, injected, asked);
        return errno;
    }

    /// <summary>
    /// write(2) of a text to an attribute of sysfs, which may be answered later and by another thread.
    /// </summary>
    /// <param name="file">The open file.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="text">The text.</param>
    /// <param name="store">Takes the text, and calls back once.</param>
    /// <param name="answer">Answers the program.</param>
    public static void Store(
        NodeFile file, CallOrigin origin, byte[] text, Action<Action<Errno>> store, Action<Errno> answer)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(answer);
        if (!file.IsWatched)
        {
            store(errno =>
            {
                file.TellAnswered();
                answer(errno);
            });
            return;
        }

        using CurrentCall.Scope current = CurrentCall.Begin();
        bool wasHeard = Refusal.Begin();
        long began = Stopwatch.GetTimestamp(), number = CurrentCall.Number;
        store(errno =>
        {
            // A thread that answers later has no part in the call, and no sentence for it.
            if (CurrentCall.Number != number) Refusal.Clear();
            SysResult result = errno == Errno.None ? SysResult.Ok(text.Length) : errno;
            Tell(file, origin, "write", null, (ulong)text.Length, text, [], began, result, Errno.None, number: number);
            answer(errno);
        });
        Refusal.End(wasHeard);
    }

    private static SysResult Counted(NodeFile file, SysResult result)
    {
        file.TellAnswered();
        return result;
    }

    private static void Tell(NodeFile file, CallOrigin origin, string name, ulong? offset, ulong count, byte[] before,
        byte[] after, long began, SysResult result, Errno injected, string protection = "", CallData? data = null,
        long? number = null) =>
        file.Tell(new NodeCall
        {
            Number = number ?? CurrentCall.Number,
            File = file,
            Path = file.OpenedPath,
            Thread = origin.Thread,
            Process = origin.Process,
            Descriptor = origin.Descriptor,
            Name = name,
            Offset = offset,
            Count = count,
            Before = before,
            After = after,
            Protection = protection,
            Data = data,
            Began = began,
            Result = ValueOf(result),
            IsInjected = injected != Errno.None,
            Why = WhyOf(result),
        });

    private static long ValueOf(SysResult result) => result.IsOk ? result.Value : -(long)result.Errno;

    private static string? WhyOf(SysResult result) => result.IsOk ? null : Refusal.WhyOf((int)result.Errno);

    // A structure of iommufd's and VFIO's begins with its size; a program may know less of it than we do.
    private static byte[] StructAt(ICaller caller, IoctlShape? shape, ulong argument, bool isRecorded)
    {
        if (shape?.Structure is not { } structure) return [];
        int size = shape.Size;
        // The eventfds of interrupts follow their structure.
        if ((isRecorded || structure == typeof(VfioIrqSet))
            && CallReader.TryReadLonger(caller, structure, argument, size, out byte[]? longer)) return longer;
        if (isRecorded) return CallReader.PrefixAt(caller, argument, (ulong)size);
        byte[] whole = BytesAt(caller, argument, size);
        if (whole.Length != 0 || size <= sizeof(uint)) return whole;
        byte[] first = BytesAt(caller, argument, sizeof(uint));
        return first.Length == 0 ? [] : BytesAt(
            caller, argument, (int)Math.Min(MemoryMarshal.Read<uint>(first), (uint)size));
    }

    private static byte[] BytesAt(ICaller caller, ulong address, int count) =>
        CallReader.BytesAt(caller, address, (ulong)count);
}

/// <summary>Who makes a call.</summary>
/// <param name="Thread">The thread; 0 when nobody knows which.</param>
/// <param name="Descriptor">The descriptor that it uses.</param>
/// <param name="Process">The process; 0 when nobody knows which.</param>
public readonly record struct CallOrigin(int Thread, int Descriptor, int Process = 0);

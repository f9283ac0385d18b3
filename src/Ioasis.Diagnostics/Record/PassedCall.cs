using System.Diagnostics;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Files;

namespace Ioasis.Diagnostics.Record;

/// <summary>
/// A call that another kernel than ours serves: what a recording keeps of it before it is served, and after it.
/// </summary>
internal sealed class PassedCall
{
    private readonly NodeFile _file;
    private readonly ICaller _caller;
    private readonly CallOrigin _origin;
    private readonly long _began = Stopwatch.GetTimestamp();

    private PassedCall(NodeFile file, ICaller caller, CallOrigin origin) =>
        (_file, _caller, _origin) = (file, caller, origin);

    private string Name { get; init; } = "ioctl";

    private uint Command { get; init; }

    private ulong Argument { get; init; }

    private ulong? Offset { get; init; }

    private ulong Count { get; init; }

    private string Protection { get; init; } = "";

    private IoctlShape? Shape { get; init; }

    private byte[] Before { get; init; } = [];

    private CallData? Data { get; init; }

    private bool WithPages { get; init; }

    /// <summary>ioctl(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller, which waits until <see cref="End"/> has returned.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="command">The request number.</param>
    /// <param name="argument">The third argument.</param>
    /// <param name="withPages">Whether the pages that it maps are kept, not only their hash.</param>
    public static PassedCall Ioctl(
        NodeFile file, ICaller caller, CallOrigin origin, uint command, ulong argument, bool withPages)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(caller);
        IoctlShape? shape = file.ShapeOf(command);
        byte[] before = StructAt(caller, shape, argument);
        return new PassedCall(file, caller, origin)
        {
            Command = command,
            Argument = argument,
            Shape = shape,
            Before = before,
            Data = CallReader.Begin(caller, shape, command, argument, before),
            WithPages = withPages,
        };
    }

    /// <summary>pread(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller, which waits until <see cref="End"/> has returned.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="buffer">Where in the caller's memory.</param>
    /// <param name="count">How many bytes.</param>
    public static PassedCall Read(
        NodeFile file, ICaller caller, CallOrigin origin, ulong offset, ulong buffer, ulong count) =>
        new(file, caller, origin) { Name = "read", Offset = offset, Argument = buffer, Count = count };

    /// <summary>pwrite(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller, which waits until <see cref="End"/> has returned.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="offset">Where in the file; null for a message.</param>
    /// <param name="buffer">Where in the caller's memory.</param>
    /// <param name="count">How many bytes.</param>
    /// <param name="withPages">Whether the pages that changed since they were mapped are kept.</param>
    public static PassedCall Write(NodeFile file, ICaller caller, CallOrigin origin, ulong? offset, ulong buffer,
        ulong count, bool withPages)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return new PassedCall(file, caller, origin)
        {
            Name = "write",
            Offset = offset,
            Count = count,
            Before = CallReader.BytesAt(caller, buffer, count),
            Data = new CallData
            {
                Space = caller.Memory,
                Pages = withPages ? MappedReader.ReadChanged(caller.Memory) : null,
            },
        };
    }

    /// <summary>mmap(2).</summary>
    /// <param name="file">The open file.</param>
    /// <param name="caller">The caller, which waits until <see cref="End"/> has returned.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="count">How many bytes.</param>
    /// <param name="protection">Some of the letters r, w, x and s (shared).</param>
    public static PassedCall Map(
        NodeFile file, ICaller caller, CallOrigin origin, ulong offset, ulong count, string protection) =>
        new(file, caller, origin) { Name = "mmap", Offset = offset, Count = count, Protection = protection };

    /// <summary>The call was served, and its caller has not gone on.</summary>
    /// <param name="result">What the kernel returned: a value, or -errno.</param>
    public NodeCall End(SysResult result)
    {
        byte[] after = Name switch
        {
            "ioctl" when Before.Length != 0 => CallReader.BytesAt(_caller, Argument, (ulong)Before.Length),
            "read" when result.IsOk => CallReader.BytesAt(_caller, Argument, (ulong)result.Value),
            _ => [],
        };
        if (Data is not null && Name == "ioctl")
        {
            CallReader.End(Data, _caller, Shape, Command, after, result);
            if (result.IsOk) MappedReader.Read(Data, _caller, Shape, after, WithPages);
        }

        // Where a mapping lies is the program's matter.
        long told = result.IsOk && Name == "mmap" ? 0 : result.ToKernelValue();
        return new NodeCall
        {
            Number = 0,
            File = _file,
            Path = "",
            Thread = _origin.Thread,
            Process = _origin.Process,
            Descriptor = _origin.Descriptor,
            Name = Name,
            Command = Command,
            CommandName = Shape?.Name,
            Structure = Shape?.Structure,
            Argument = Argument,
            Offset = Offset,
            Count = Count,
            Before = Before,
            After = after,
            Protection = Protection,
            Data = Data,
            Began = _began,
            Result = told,
        };
    }

    private static byte[] StructAt(ICaller caller, IoctlShape? shape, ulong argument)
    {
        if (shape?.Structure is not { } structure) return [];
        int size = Marshal.SizeOf(structure);
        return CallReader.TryReadLonger(caller, structure, argument, size, out byte[]? longer)
            ? longer
            : CallReader.PrefixAt(caller, argument, (ulong)size);
    }
}

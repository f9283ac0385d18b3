using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vdpa.Ioctls;

/// <summary>An ioctl of /dev/vhost-vdpa-N.</summary>
/// <param name="Number">The request number.</param>
/// <param name="Name">Its name in linux/vhost.h.</param>
/// <param name="Kind">Who may call it, and what its argument begins with.</param>
/// <param name="Reads">Bytes of the argument that it reads.</param>
/// <param name="Handler">What does it, with the file's lock held.</param>
internal sealed record VdpaIoctl(uint Number, string Name, VdpaIoctlKind Kind, int Reads, VdpaHandler Handler)
{
    /// <summary>Where in the argument there is the descriptor of an eventfd; below 0 for none.</summary>
    internal int DescriptorAt { get; init; } = -1;

    /// <summary>Where in the argument there is the descriptor of a node of ours; below 0 for none.</summary>
    internal int NodeAt { get; init; } = -1;
}

/// <summary>Who may call an ioctl, and what its argument begins with.</summary>
internal enum VdpaIoctlKind
{
    /// <summary>Anybody.</summary>
    Device,

    /// <summary>The owner.</summary>
    Owner,

    /// <summary>The owner; the argument begins with the number of a queue.</summary>
    Queue,

    /// <summary>As <see cref="Queue"/>, but the whole argument is read before the number is judged.</summary>
    WholeQueue,
}

/// <summary>Does one kind of call.</summary>
internal delegate Errno VdpaHandler(ref VdpaCall call);

/// <summary>
/// One call. Its argument was read before the file's lock was taken, and its answer is written after that lock was
/// released.
/// </summary>
internal ref struct VdpaCall(VhostVdpaFile file, ICaller caller)
{
    private Words _argument;
    private Words _answer;

    internal readonly VhostVdpaFile File => file;

    internal readonly VdpaDevice Device => file.Device;

    internal readonly ICaller Caller => caller;

    /// <summary>Whether the program could be read.</summary>
    internal bool IsRead { readonly get; set; }

    /// <summary>The number of the queue that the argument begins with.</summary>
    internal int Queue { readonly get; set; }

    /// <summary>The eventfd that the argument names. Who takes it sets it to null.</summary>
    internal IEventFile? Event { readonly get; set; }

    /// <summary>Why there is no eventfd; None if the program wants none.</summary>
    internal Errno EventError { readonly get; set; }

    /// <summary>The open file that the argument names.</summary>
    internal IOpenFile? Node { readonly get; set; }

    /// <summary>Why there is none.</summary>
    internal Errno NodeError { readonly get; set; }

    /// <summary>Bytes to write back.</summary>
    internal int AnswerSize { readonly get; private set; }

    /// <summary>The argument's bytes.</summary>
    [UnscopedRef]
    internal Span<byte> Argument => MemoryMarshal.AsBytes((Span<ulong>)_argument);

    /// <summary>The bytes to write back.</summary>
    [UnscopedRef]
    internal ReadOnlySpan<byte> AnswerBytes => MemoryMarshal.AsBytes((Span<ulong>)_answer)[..AnswerSize];

    /// <summary>The argument, of which what was not read is 0.</summary>
    internal T Read<T>() where T : unmanaged => MemoryMarshal.Read<T>(Argument);

    /// <summary>Writes a value back when the call is over; if that fails the call is EFAULT.</summary>
    internal Errno Return<T>(T value) where T : unmanaged
    {
        MemoryMarshal.Write(MemoryMarshal.AsBytes((Span<ulong>)_answer), in value);
        AnswerSize = Marshal.SizeOf<T>();
        return Errno.None;
    }

    /// <summary>Takes the eventfd over.</summary>
    internal IEventFile? TakeEvent()
    {
        IEventFile? taken = Event;
        Event = null;
        return taken;
    }

    [InlineArray(5)]
    private struct Words
    {
        private ulong _first;
    }
}

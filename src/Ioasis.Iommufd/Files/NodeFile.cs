using Ioasis.Abi;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// An open file of a device node that we serve (Linux: struct file with its file_operations). Several threads call it
/// at once; each file does its own locking. Whatever a caller passes, the answer is a result, never an exception.
/// </summary>
public abstract class NodeFile : IOpenFile
{
    private Observers? _observers; // once a program has it open
    private Injector? _injector; // once a program has it open
    private string _path = "";

    /// <summary>A program has the file open from now on: the observers are told, and at its end again.</summary>
    /// <param name="path">The node's path.</param>
    /// <param name="observers">The observers of the machine.</param>
    /// <param name="process">The process that opened it.</param>
    /// <param name="injector">What decides that calls on it fail; null for nothing.</param>
    public void TellOpen(string path, Observers observers, int process, Injector? injector = null)
    {
        ArgumentNullException.ThrowIfNull(observers);
        (_path, _observers) = (path, observers);
        observers.CountFile(isOpen: true);
        if (injector is not null && (injector.Faults & InjectedFaults.Call) != 0) _injector = injector;
        if (observers.Want(EventKinds.Open)) observers.Tell(new OpenEvent(observers.Stamp(), path, this, process));
    }

    /// <summary>Closes the file, whose last reference is gone, and tells the observers before.</summary>
    public void End()
    {
        if (_observers is { } observers)
        {
            if (observers.Want(EventKinds.Close)) observers.Tell(new CloseEvent(observers.Stamp(), _path, this));
            observers.CountFile(isOpen: false);
        }

        Close();
    }

    /// <summary>Whether observers want to be told of calls on it, or an injector decides about them.</summary>
    public bool IsWatched =>
        _observers is { } observers && (_injector is not null || observers.Want(EventKinds.Call));

    /// <summary>The errno with which a call on it is to fail before it is served; none if it is to be served.</summary>
    internal Errno Injected(string call) => (Errno)(_injector?.FailCall(_path, call) ?? 0);

    /// <summary>Whether an observer wants to know what calls name.</summary>
    internal bool IsRecorded => _observers is { } observers && observers.Want(EventKinds.CallData);

    /// <summary>Whether an observer wants the pages that calls map.</summary>
    internal bool IsRecordedWithPages => _observers is { } observers && observers.Want(EventKinds.CallPages);

    /// <summary>The path of its node; empty before <see cref="TellOpen"/>.</summary>
    internal string OpenedPath => _path;

    /// <summary>Tells observers of a call that was answered.</summary>
    internal void Tell(NodeCall call)
    {
        if (_observers is not { } observers) return;
        observers.Tell(new CallEvent(observers.Stamp(), call));
        TellAnswered();
    }

    /// <summary>Tells observers that a call was answered, and nothing of the call.</summary>
    internal void TellAnswered()
    {
        if (_observers is { } observers && observers.Want(EventKinds.Answered)) observers.Tell(new AnsweredEvent());
    }

    /// <summary>ioctl(2).</summary>
    /// <param name="caller">The caller: its memory and open files.</param>
    /// <param name="command">The request number.</param>
    /// <param name="argument">The third argument, as the caller passed it; mostly an address in its memory.</param>
    public abstract SysResult Ioctl(ICaller caller, uint command, ulong argument);

    /// <summary>An ioctl's name, and the struct that its argument leads to; null if the number is not known.</summary>
    public virtual IoctlShape? ShapeOf(uint command) => null;

    /// <summary>
    /// Describes an ioctl for an account of calls, before it is served: its name in the headers, and its purpose if one
    /// number has several. The caller may change its memory before the ioctl is served.
    /// </summary>
    public virtual string Describe(ICaller caller, uint command, ulong argument) => $"0x{command:x}";

    /// <summary>
    /// pread(2). Puts the bytes at <paramref name="buffer"/> in the caller's memory. Returns their number.
    /// </summary>
    public virtual SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count) =>
        Errno.EINVAL.Because("this file cannot be read");

    /// <summary>
    /// pwrite(2). Takes the bytes from <paramref name="buffer"/> in the caller's memory. Returns their number.
    /// </summary>
    public virtual SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count) =>
        Errno.EINVAL.Because("this file cannot be written");

    /// <summary>
    /// write(2) of a message: bytes taken from <paramref name="buffer"/> in the caller's memory. Only of a node with
    /// <see cref="INode.MessageSizes"/>, and of those sizes.
    /// </summary>
    public virtual SysResult WriteMessage(ICaller caller, ulong buffer, ulong count) =>
        Errno.EINVAL.Because("this file cannot be written");

    /// <summary>
    /// Whether mmap(2) of these bytes is allowed. If so, the mapping shows the bytes of the file's
    /// <see cref="ICarrier"/> at that offset.
    /// </summary>
    /// <param name="offset">Byte offset, page-aligned.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="shared">Whether the mapping is MAP_SHARED.</param>
    /// <param name="readable">Whether the mapping has PROT_READ.</param>
    /// <param name="writable">Whether the mapping has PROT_WRITE.</param>
    /// <param name="executable">Whether the mapping has PROT_EXEC.</param>
    public virtual Errno Map(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable) =>
            Errno.ENODEV.Because("this file cannot be mapped");

    /// <summary>
    /// Whether users of VFIO's files, such as KVM, accept this file as one (Linux: vfio_file_is_valid()).
    /// </summary>
    public virtual bool IsVfioFile => false;

    /// <summary>
    /// Called once, by <see cref="End"/>, when the last reference is gone, including mappings of the file. No other
    /// call is under way or follows.
    /// </summary>
    public abstract void Close();
}

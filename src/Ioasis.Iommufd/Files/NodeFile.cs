using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// An open file of a device node that we serve (Linux: struct file with its file_operations). Calls of several threads
/// come at once; each file keeps its own order. Whatever a caller passes, the answer is a result, never an exception.
/// </summary>
public abstract class NodeFile : IOpenFile
{
    /// <summary>ioctl(2).</summary>
    /// <param name="caller">Who calls: its memory and its open files.</param>
    /// <param name="command">The request number.</param>
    /// <param name="argument">The third argument, as the caller passed it: mostly an address in its memory.</param>
    public abstract SysResult Ioctl(ICaller caller, uint command, ulong argument);

    /// <summary>
    /// What an account of the calls says of an ioctl, asked before it is served: its name in the headers, and what it
    /// is for where one number is for several things. The caller may have changed its memory by the time it is served.
    /// </summary>
    public virtual string Describe(ICaller caller, uint command, ulong argument) => $"0x{command:x}";

    /// <summary>pread(2): bytes read, put at <paramref name="buffer"/> in the caller's memory.</summary>
    public virtual SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count) => Errno.EINVAL;

    /// <summary>pwrite(2): bytes written, taken from <paramref name="buffer"/> in the caller's memory.</summary>
    public virtual SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count) => Errno.EINVAL;

    /// <summary>
    /// Whether mmap(2) of these bytes is allowed. Where it is, the bytes of the file's <see cref="ICarrier"/> at that
    /// offset are what is mapped.
    /// </summary>
    /// <param name="offset">Byte offset, page-aligned.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="shared">Whether the mapping is MAP_SHARED.</param>
    /// <param name="writable">Whether the mapping asks for PROT_WRITE.</param>
    /// <param name="executable">Whether the mapping asks for PROT_EXEC.</param>
    public virtual Errno Map(ulong offset, ulong length, bool shared, bool writable, bool executable) => Errno.ENODEV;

    /// <summary>
    /// Whether other parts of a kernel that deal with VFIO's files take it for one (Linux: vfio_file_is_valid()): KVM
    /// does.
    /// </summary>
    public virtual bool IsVfioFile => false;

    /// <summary>
    /// The last reference is gone, mappings of the file included. Called once; no other call is under way or follows.
    /// </summary>
    public abstract void Close();
}

namespace Ioasis.Host.Devices;

/// <summary>
/// An open file that programs write to without being stopped. inotify tells of a write before it returns to the
/// program, and so before the next call that is ours is served.
/// </summary>
internal interface IWrittenFile
{
    /// <summary>
    /// Something may have been written. Called with the lock of the open files held, under which every call waits: it
    /// takes what was written and leaves what takes time to others.
    /// </summary>
    void Written();
}

using System.Text;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Nodes;

namespace Ioasis.Web.Lessons;

/// <summary>An attribute of sysfs that a lesson writes to, as a shell does by <c>echo</c>.</summary>
internal sealed class SysfsAttribute : NodeFile
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private SysfsAttribute()
    {
    }

    /// <summary>Writes a text and waits for the answer.</summary>
    /// <exception cref="LessonException">There is no such attribute, or it refuses the text.</exception>
    internal static void Write(SoftwareMachine machine, string path, string text)
    {
        if (machine.Paths.GetValueOrDefault(path) is not VirtualFile { Store: { } store })
            throw new LessonException($"{path} cannot be written.");
        var file = new SysfsAttribute();
        file.TellOpen(path, machine.Observers, Environment.ProcessId);
        var answered = new TaskCompletionSource<Errno>(TaskCreationOptions.RunContinuationsAsynchronously);
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        WatchedCalls.Store(file, default, bytes, answer => store(bytes, answer), answered.SetResult);
        bool isDone = answered.Task.Wait(s_patience);
        file.End();
        if (!isDone) throw new LessonException($"The write of \"{text}\" to {path} was not answered.");
        if (answered.Task.Result is var errno and not Errno.None)
            throw new LessonException($"The write of \"{text}\" to {path} failed: {errno}.");
    }

    /// <inheritdoc/>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

    /// <inheritdoc/>
    public override void Close()
    {
    }
}

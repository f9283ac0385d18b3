using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Serving;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory;

namespace Ioasis.Host.Devices;

/// <summary>
/// What programs write to attributes of sysfs. A write is answered when the attribute says so, by whichever thread that
/// is: the thread of ours that took the call does not wait.
/// </summary>
internal sealed class AttributeCalls(
    SeccompListener listener, CallerTable callers, AttributeFiles files, CallAccount? account = null)
{
    // sysfs takes a page with one call.
    private const ulong LongestText = 4096;

    /// <summary>write(2), and pwrite64(2): where in the file does not matter.</summary>
    public Answer Write(in SeccompNotif call) => Store(call, isVectored: false);

    /// <summary>writev(2).</summary>
    public Answer Writev(in SeccompNotif call) => Store(call, isVectored: true);

    private Answer Store(in SeccompNotif call, bool isVectored)
    {
        if (files.IsEmpty) return Answer.Continue;
        if (!callers.TryIdentify(call, (int)call.Data.Args[0], out CallerThread? caller, out OpenFile? open,
            out Answer other)) return other;
        try
        {
            if (open.File is not AttributeFiles.File attribute) return Answer.Continue;
            Errno errno = Read(call, caller, isVectored, out byte[] text);
            if (errno != Errno.None || text.Length == 0) return errno;
            ulong id = call.Id;
            string path = open.Name;
            var origin = new CallOrigin(caller.Id, (int)call.Data.Args[0], caller.Process.Pid);
            CallerThread writer = caller;
            WatchedCalls.Store(attribute, origin, text, answer =>
            {
                int missing = attribute.Capabilities.FirstOrDefault(c => !writer.HasCapability(c), -1);
                if (missing < 0) attribute.Store(text, answer);
                else answer(Errno.EACCES.Because($"the program lacks capability {missing} (capabilities(7))"));
            }, result =>
            {
                account?.Note(path, "write", result);
                Answer answer = result == Errno.None ? SysResult.Ok(text.Length) : result;
                listener.Send(answer.ToResponse(id)); // ENOENT: the caller was killed, or a signal came
            });
            return Answer.Sent;
        }
        finally { CallerTable.Leave(caller, open); }
    }

    private static Errno Read(in SeccompNotif call, CallerThread caller, bool isVectored, out byte[] text)
    {
        text = [];
        IoVector[] vectors = [new IoVector { Base = call.Data.Args[1], Length = call.Data.Args[2] }];
        if (isVectored)
        {
            vectors = new IoVector[call.Data.Args[2]]; // few, or the call would not have been stopped
            if (!caller.Memory.TryRead(new Hva(call.Data.Args[1]), MemoryMarshal.AsBytes(vectors.AsSpan())))
                return Errno.EFAULT;
        }

        foreach (IoVector vector in vectors)
        {
            var part = new byte[Math.Min(vector.Length, LongestText - (ulong)text.Length)];
            if (!caller.Memory.TryRead(new Hva(vector.Base), part)) return Errno.EFAULT;
            text = [.. text, .. part];
        }

        return Errno.None;
    }
}

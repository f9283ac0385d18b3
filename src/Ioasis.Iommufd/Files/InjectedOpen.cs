using Ioasis.Abi;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;

namespace Ioasis.Iommufd.Files;

/// <summary>What an injector does to open(2) of a node.</summary>
public static class InjectedOpen
{
    /// <summary>The errno with which it is to fail, before anything is opened; none if it is to be served.</summary>
    /// <param name="injector">What decides; null for nothing.</param>
    /// <param name="path">The path of the node.</param>
    public static Errno Of(Injector? injector, string path)
    {
        if (injector is null || (injector.Faults & InjectedFaults.Call) == 0) return Errno.None;
        int errno = injector.FailCall(path, "open");
        if (errno != 0 && injector.Observers is { } observers && observers.Want(EventKinds.Inject))
            observers.Tell(new InjectEvent(observers.Stamp(), InjectedFaults.Call, null, path, errno));
        return (Errno)errno;
    }
}

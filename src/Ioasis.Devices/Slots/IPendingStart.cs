namespace Ioasis.Devices.Slots;

/// <summary>An engine with a command but without a thread.</summary>
internal interface IPendingStart
{
    /// <summary>Tries again to start the thread. True if the engine has one, or no longer needs one.</summary>
    bool TryBegin();
}

namespace Ioasis.Devices.Slots;

/// <summary>What an engine needs of the slot that its model is plugged into. Thread-safe.</summary>
internal interface IModelHost
{
    /// <summary>The engines that have had a command.</summary>
    EngineList Engines { get; }

    /// <summary>Retries later to start an engine that got no thread.</summary>
    void Await(IPendingStart engine);

    /// <summary>The model's code threw: its device fails.</summary>
    void Fail(string where, Exception e);

    /// <summary>An engine has ended a command: what the device still had to do with memory is done.</summary>
    void Rest();

    /// <summary>An engine has nothing to do. Its thread may look for doorbells until it has.</summary>
    void Linger(IDeviceEngine engine);
}

using System.Reflection;
using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>Device models from assemblies of their authors.</summary>
public static class DevicePlugins
{
    /// <summary>Loads an assembly; the models in it can then be named like the built-in ones.</summary>
    /// <param name="path">The assembly, with what it needs beside it.</param>
    /// <returns>The names of its models.</returns>
    /// <exception cref="MachineDescriptionException">It cannot be loaded, has no models, or one that cannot be used.</exception>
    public static IReadOnlyList<string> Load(string path)
    {
        Type[] models;
        try
        {
            // Into the context that the product is in, so that its models derive from the same PciDeviceModel.
            models = [.. Assembly.LoadFrom(Path.GetFullPath(path)).GetExportedTypes().Where(t => t.IsDefined(typeof(DeviceModelAttribute), false))];
        }
        catch (Exception e) when (e is IOException or BadImageFormatException or UnauthorizedAccessException or TypeLoadException)
        {
            throw new MachineDescriptionException($"plug-in \"{path}\": cannot be loaded: {e.Message}", e);
        }

        if (models.Length == 0) throw new MachineDescriptionException($"plug-in \"{path}\": no public class in it has the attribute [DeviceModel(\"name\")].");
        foreach (Type model in models)
        {
            string name = model.GetCustomAttribute<DeviceModelAttribute>()!.Name;
            if (model.IsAbstract || !model.IsSubclassOf(typeof(PciDeviceModel)) || model.GetConstructor(Type.EmptyTypes) is not { } constructor)
                throw new MachineDescriptionException($"plug-in \"{path}\": {model.Name} derives from PciDeviceModel and has a public constructor without parameters, or it is no model.");
            if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
                throw new MachineDescriptionException($"plug-in \"{path}\": \"{name}\" is no name for {model.Name}; letters, digits and dashes are.");
            if (!ModelRegistry.TryAdd(name, () => (PciDeviceModel)constructor.Invoke(null)))
                throw new MachineDescriptionException($"plug-in \"{path}\": there is already a device model \"{name}\"; give {model.Name} another name.");
        }

        return [.. models.Select(m => m.GetCustomAttribute<DeviceModelAttribute>()!.Name)];
    }
}

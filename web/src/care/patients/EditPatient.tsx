import { useAddressState } from "@/ui/navigation";
import { PatientDialog } from "./PatientDialog";

/** Opened from any page by `?edit-patient=<id>`. */
export default function EditPatient() {
  const [id, setId] = useAddressState("edit-patient");
  return id ? <PatientDialog id={id} close={() => setId("")} /> : null;
}
